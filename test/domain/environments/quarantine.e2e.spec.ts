import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DriverError } from '../../../src/domain/driver-contract/driver-error.js';
import type { FailureClass } from '../../../src/domain/driver-contract/driver-names.js';
import type { Environment } from '../../../src/domain/environments/state.js';
import { FolderDriver } from '../../support/folder-driver.js';
import { expectSoundLog, Witness } from '../../support/fold-of-log.js';
import { serve, type Service } from '../../support/service.js';
import { startSshd, type TestSshd } from '../../support/sshd.js';

let service: Service;
let witness: Witness;
let sshd: TestSshd;
let driver: FolderDriver;
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'leasehold-test-folders-'));
  driver = new FolderDriver(root);
  sshd = await startSshd();
  service = await serve({ LEASEHOLD_PROVISIONING_RETRY_MS: '[20]' }, [driver]);
  witness = await Witness.of(service.connection);
});
afterAll(async () => {
  await witness?.close();
  await service?.close();
  await sshd?.stop();
  await rm(root, { recursive: true, force: true });
});

async function folders() {
  const companyId = randomUUID();
  const wish = { name: 'Folders', driver: 'sandbox', config: { provider: 'folder' } };
  return { companyId, id: (await service.api.createEnvironment(companyId, wish)).id };
}

function failing(failureClass: FailureClass | null): void {
  driver.meanwhile = (call) =>
    call === 'acquire' && failureClass !== null
      ? Promise.reject(new DriverError(failureClass, 'driver_failed', 'It is broken.', false))
      : Promise.resolve();
}

async function fail(companyId: string, environmentId: string, times: number, wish: object = {}): Promise<void> {
  const path = `/api/companies/${companyId}/leases`;
  for (let failed = 0; failed < times; failed += 1) {
    const { code } = await service.api.problem(502, 'POST', path, { environmentId, ...wish });
    expect(code).toBe('lease_acquire_failed');
  }
}

async function until(id: string, isSo: (environment: Environment) => boolean): Promise<Environment> {
  for (;;) {
    const environment = await service.api.environment(id);
    if (isSo(environment)) return environment;
    await pause(20);
  }
}

const quarantined = (id: string) => until(id, ({ quarantine }) => quarantine !== null);
const open = (id: string) => until(id, ({ cordoned }) => cordoned === null);
const countOf = async (id: string): Promise<number> => {
  // The count moves with the checkpoint, and nobody asks the service for it.
  for (;;) {
    const rows = await witness.query<{ behind: boolean }>(
      `SELECT checkpoint < (SELECT max(position) FROM events) AS behind FROM subscriptions WHERE name = 'environment-failures'`,
    );
    if (rows[0]?.behind === false) break;
    await pause(20);
  }
  const rows = await witness.query<{ n: number }>(
    `SELECT in_a_row AS n FROM environment_failures WHERE environment_id = '${id}'`,
  );
  return rows[0]?.n ?? 0;
};

test('a host that lets nobody in five times is left alone, and comes back when its config is put right', async () => {
  const companyId = randomUUID();
  const { host, port, username, workspace, knownHosts, privateKey } = sshd;
  const { id } = await service.api.createEnvironment(companyId, {
    ...{ name: 'Host', driver: 'ssh' },
    config: { host, port, username: 'stranger', remoteWorkspacePath: workspace, knownHosts, privateKey },
  });
  await fail(companyId, id, 5);
  const held = await quarantined(id);
  const reason = '5 provisioning failures in a row, the last: authentication_failed';
  expect(held).toMatchObject({
    cordoned: { by: 'quarantine', reason },
    quarantine: { failures: 5, reasonCode: 'authentication_failed', probes: 0, waitSeconds: 60 },
  });
  const problem = await service.api.problem(409, 'POST', `/api/companies/${companyId}/leases`, { environmentId: id });
  expect(problem).toMatchObject({ code: 'environment_quarantined', by: 'quarantine', reason });

  await service.api.expect(200, 'POST', `/api/environments/${id}/probe`, {});
  expect(await service.api.environment(id)).toMatchObject({ quarantine: { probes: 1, waitSeconds: 120 } });
  // Nobody uncordons it: with another config the watch probes it at once.
  await service.api.patchEnvironment(id, { config: { username } });
  expect(await open(id)).toMatchObject({ quarantine: null });
  await service.api.acquire(companyId, { environmentId: id });

  const path = `/api/environments/${id}/timeline`;
  const { items } = await service.api.expect<{ items: readonly { type: string; actor: string; sentence: string }[] }>(
    ...([200, 'GET', path] as const),
  );
  expect(items.map(({ type }) => type)).toEqual([
    ...['EnvironmentCreated', 'EnvironmentQuarantined', 'EnvironmentProbed', 'EnvironmentChanged'],
    ...['EnvironmentProbed', 'EnvironmentRecovered'],
  ]);
  expect(items.slice(-2).map(({ actor }) => actor)).toEqual(['system:quarantine', 'system:quarantine']);
  expect(items[1]?.sentence).toBe(
    'Quarantined after 5 provisioning failures in a row (authentication_failed). It takes no new leases. First probe in 1 min.',
  );
});

test('a success begins the count anew, and failures that pass do not count', async () => {
  const { companyId, id } = await folders();
  failing('permanent');
  await fail(companyId, id, 4);
  failing(null);
  await service.api.acquire(companyId, { environmentId: id });
  expect(await countOf(id)).toBe(0);
  failing('config');
  await fail(companyId, id, 2);
  failing('transient');
  await fail(companyId, id, 2);
  failing('auth');
  await fail(companyId, id, 2);
  expect(await countOf(id)).toBe(4);
  expect(await service.api.environment(id)).toMatchObject({ cordoned: null });
  await fail(companyId, id, 1);
  await quarantined(id);
});

test('one that came back is quarantined again by its next failure, for longer, until a lease succeeds', async () => {
  const { companyId, id } = await folders();
  failing('permanent');
  await fail(companyId, id, 5);
  await quarantined(id);
  // Its probe finds nothing wrong.
  await service.api.expect(200, 'POST', `/api/environments/${id}/probe`, {});
  await open(id);
  await fail(companyId, id, 1);
  expect(await quarantined(id)).toMatchObject({ quarantine: { failures: 6, waitSeconds: 120 } });
  failing(null);
  await service.api.acquire(companyId, { environmentId: id, allowCordoned: true });
  expect(await open(id)).toMatchObject({ quarantine: null });
  expect(await countOf(id)).toBe(0);
});

test('an operator lets it in again at once, and the count begins anew', async () => {
  const { companyId, id } = await folders();
  failing('permanent');
  await fail(companyId, id, 5);
  await quarantined(id);
  await service.api.expect(200, 'POST', `/api/environments/${id}/uncordon`, {});
  expect(await countOf(id)).toBe(0);
  await fail(companyId, id, 4);
  expect(await countOf(id)).toBe(4);
  expect(await service.api.environment(id)).toMatchObject({ cordoned: null });
  failing(null);
});

test('the log and the tables are sound', async () => {
  const events = await witness.events();
  expectSoundLog(events);
  await witness.expectTablesToBeTheFold(events);
});
