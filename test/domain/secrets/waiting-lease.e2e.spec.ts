import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Acquisition, QueuedDriver } from '../../../src/domain/driver-contract/runtime-driver.js';
import { newId } from '../../../src/event-sourcing/ids/new-id.js';
import type { Acquired } from '../../support/api.js';
import { serve, type Service } from '../../support/service.js';
import { KeyedSandboxDriver } from './keyed-sandbox-driver.js';

const keyed = new KeyedSandboxDriver();

/** The same, made by a worker; in these tests there is none. */
const queued: QueuedDriver = {
  ...keyed,
  provider: 'keyed-later',
  acquiring: 'queued',
  validateConfig: (config) => keyed.validateConfig(config),
  probe: () => keyed.probe(),
  acquire: (): Promise<Acquisition> => Promise.reject(new Error('There is no worker.')),
  find: () => Promise.resolve(null),
  release: () => keyed.release(),
  execute: () => keyed.execute(),
  executionTarget: (lease) => keyed.executionTarget(lease),
};

let service: Service;

beforeAll(async () => {
  service = await serve({ LEASEHOLD_ROLE: 'api' }, [queued]);
});

afterAll(() => service?.close());

describe('a lease that still waits for its worker', () => {
  it('keeps the secret of the config that it was acquired with', async () => {
    const company = newId();
    const environment = await service.api.createEnvironment(company, {
      name: 'Host',
      driver: 'sandbox',
      config: { provider: 'keyed-later', privateKey: 'a value' },
    });
    const { secretId } = environment.config['privateKeySecretRef'] as { secretId: string };
    const wish = { environmentId: environment.id };
    const headers = { prefer: 'respond-async' };
    const path = `/api/companies/${company}/leases`;
    const { lease } = await service.api.expect<Acquired>(202, 'POST', path, wish, headers);
    await service.api.patchEnvironment(environment.id, { config: { privateKeySecretRef: null } });
    const problem = await service.api.problem(409, 'DELETE', `/api/companies/${company}/secrets/${secretId}`);
    expect(problem).toMatchObject({ code: 'secret_in_use', environmentIds: [], leaseIds: [lease.id] });
  });
});
