import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DriverError } from '../../../src/domain/driver-contract/driver-error.js';
import type { LeaseJson } from '../../../src/domain/leases/lease-json.js';
import type { Why } from '../../../src/audit/history/why.js';
import type { Acquired } from '../../support/api.js';
import { FolderDriver } from '../../support/folder-driver.js';
import { serve, type Service } from '../../support/service.js';

let service: Service;
let root: string;
let driver: FolderDriver;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'leasehold-test-timeout-'));
  driver = new FolderDriver(root);
  service = await serve({ LEASEHOLD_PROVISIONING_RETRY_MS: '[60000]' }, [driver]);
});
afterAll(async () => {
  await service?.close();
  await rm(root, { recursive: true, force: true });
});

async function asked(): Promise<LeaseJson> {
  const companyId = randomUUID();
  const { id: environmentId } = await service.api.createEnvironment(companyId, {
    ...{ name: 'Folders', driver: 'sandbox', config: { provider: 'folder' } },
    provisioningTimeoutSeconds: 1,
  });
  const path = `/api/companies/${companyId}/leases`;
  const wish = { environmentId, leasePolicy: 'retain_on_failure' };
  const { lease } = await service.api.expect<Acquired>(202, 'POST', path, wish, { prefer: 'wait=0' });
  return lease;
}

async function until(leaseId: string, reached: (lease: LeaseJson) => boolean): Promise<LeaseJson> {
  for (;;) {
    const lease = await service.api.lease(leaseId);
    if (reached(lease)) return lease;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('a worker that is at it is overtaken, and what it made is taken back', async () => {
  driver.meanwhile = async (call, _leaseId, signal) => {
    if (call === 'acquire') await once(signal, 'abort');
  };
  const { id } = await asked();
  const why = await service.api.expect<Why>(200, 'GET', `/api/environment-leases/${id}/why`);
  expect(why.nextTimer?.name).toBe('provisioning_timeout');
  const lease = await until(id, ({ status, cleanupStatus }) => status === 'failed' && cleanupStatus === 'success');
  expect(lease).toMatchObject({ reasonCode: 'provisioning_timeout', keptUntil: null });
  // It was made after all, and is gone.
  expect(await readFile(join(root, 'made'), 'utf8')).toBe(`${id}\n`);
  expect(await readdir(root)).toEqual(['made']);
});

test('one that waits for its next attempt fails', async () => {
  driver.meanwhile = () => Promise.reject(new DriverError('transient', 'driver_failed', 'No room.', false));
  const { id } = await asked();
  const lease = await until(id, ({ status }) => status === 'failed');
  expect(lease).toMatchObject({ reasonCode: 'provisioning_timeout', cleanupStatus: null });
});
