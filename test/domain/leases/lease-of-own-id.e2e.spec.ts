import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DriverError } from '../../../src/domain/driver-contract/driver-error.js';
import type { Acquired, Answer } from '../../support/api.js';
import { FolderDriver } from '../../support/folder-driver.js';
import { leave } from '../../support/leave.js';
import { serve, ServiceHome, type Service } from '../../support/service.js';

let service: Service;
let root: string;
let driver: FolderDriver;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'leasehold-test-own-id-'));
  driver = new FolderDriver(root);
  service = await serve({}, [driver]);
});
afterAll(async () => {
  await service?.close();
  await rm(root, { recursive: true, force: true });
});
beforeEach(() => {
  driver.meanwhile = () => Promise.resolve();
});

const pathOf = (companyId: string, id: string): string => `/api/companies/${companyId}/leases/${id}`;
const put = (companyId: string, id: string, wish: object = {}, prefer = 'wait=20'): Promise<Answer<Acquired>> =>
  service.api.send('PUT', pathOf(companyId, id), wish, { prefer });
const folders = async (companyId: string): Promise<string> => {
  const wanted = { name: 'Folders', driver: 'sandbox', config: { provider: 'folder' } };
  return (await service.api.createEnvironment(companyId, wanted)).id;
};
/** Acquiring waits until `go` is called. */
function held(): { readonly begun: Promise<void>; readonly go: () => void } {
  let go = (): void => undefined;
  const going = new Promise<void>((resolve) => (go = resolve));
  const begun = new Promise<void>((resolve) => {
    driver.meanwhile = async (call) => {
      if (call !== 'acquire') return;
      resolve();
      await going;
    };
  });
  return { begun, go };
}

describe.each([
  ['local', () => Promise.resolve(null)],
  ['a queued driver', folders],
])('a lease under an id of the caller’s, on %s', (_name, environmentOf) => {
  test('is made the first time and answered after that, as it is by then', async () => {
    const [companyId, id] = [randomUUID(), randomUUID()];
    const wish = { environmentId: await environmentOf(companyId), metadata: { a: 1, b: null } };
    const first = await put(companyId, id, wish);
    expect(first).toMatchObject({ status: 201, body: { lease: { id, companyId, status: 'active' } } });
    expect(first.headers.get('location')).toBe(`/api/environment-leases/${id}`);
    const again = await put(companyId, id.toUpperCase(), { ...wish, metadata: { b: null, a: 1 }, ttlSeconds: null });
    expect([again.status, again.body.lease]).toEqual([200, first.body.lease]);
    const { lease: released } = await service.api.release(id);
    const ended = await put(companyId, id, wish);
    expect([ended.status, ended.body.lease]).toEqual([200, released]);
    expect(await service.api.everyLease(companyId)).toEqual([released]);
  });

  test('asked for twenty times at once, is one lease', async () => {
    const [companyId, id] = [randomUUID(), randomUUID()];
    const wish = { environmentId: await environmentOf(companyId), heartbeatRunId: randomUUID() };
    const answers = await Promise.all(Array.from({ length: 20 }, () => put(companyId, id, wish)));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array.from({ length: 19 }, () => 200), 201]);
    expect(new Set(answers.map(({ body }) => body.lease.fence)).size).toBe(1);
    expect((await service.api.everyLease(companyId)).map((lease) => lease.id)).toEqual([id]);
  });

  test('is refused on other terms, and to another company in the same words', async () => {
    const [companyId, id] = [randomUUID(), randomUUID()];
    const environmentId = await environmentOf(companyId);
    const { body } = await put(companyId, id, { environmentId });
    const refusals = [
      await service.api.problem(409, 'PUT', pathOf(companyId, id), { environmentId, priority: 1 }),
      await service.api.problem(409, 'PUT', pathOf(randomUUID(), id), { environmentId }),
    ];
    const [own, others] = refusals.map(({ requestId: _requestId, instance: _instance, ...said }) => said);
    expect(own).toMatchObject({ code: 'lease_id_taken', detail: 'Another lease has this id.' });
    expect(others).toEqual(own);
    expect(await service.api.lease(id)).toEqual(body.lease);
  });
});

test('twenty callers of different terms for one id: one gets it', async () => {
  const [companyId, id] = [randomUUID(), randomUUID()];
  const asked = Array.from({ length: 20 }, (_, priority) => put(companyId, id, { priority }));
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  expect(statuses.sort()).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
});

test('while it is provisioned the answer is 202, the first time and after that; then 200', async () => {
  const [companyId, id] = [randomUUID(), randomUUID()];
  const environmentId = await folders(companyId);
  const { begun, go } = held();
  expect((await put(companyId, id, { environmentId }, 'wait=0')).status).toBe(202);
  await begun;
  expect(await put(companyId, id, { environmentId }, 'wait=0')).toMatchObject({
    status: 202,
    body: { lease: { id, status: 'provisioning' } },
  });
  const waiting = put(companyId, id, { environmentId });
  go();
  expect(await waiting).toMatchObject({ status: 200, body: { lease: { status: 'active' } } });
});

test('a caller who leaves keeps the lease', async () => {
  const [companyId, id] = [randomUUID(), randomUUID()];
  const environmentId = await folders(companyId);
  const { begun, go } = held();
  const url = service.api.url + pathOf(companyId, id);
  const headers = { 'content-type': 'application/json' };
  const left = leave(url, { method: 'PUT', headers }, JSON.stringify({ environmentId }), 0).then(() => begun);
  await left;
  go();
  expect(await put(companyId, id, { environmentId })).toMatchObject({
    status: 200,
    body: { lease: { status: 'active', reasonCode: null } },
  });
});

test('one that failed is told as the first time to who waited for it, and as it is after that', async () => {
  const [companyId, id] = [randomUUID(), randomUUID()];
  const environmentId = await folders(companyId);
  driver.meanwhile = () => Promise.reject(new DriverError('permanent', 'driver_failed', 'No room.', false));
  const problem = await service.api.problem(502, 'PUT', pathOf(companyId, id), { environmentId });
  expect(problem).toMatchObject({ code: 'lease_acquire_failed', leaseId: id });
  expect(await put(companyId, id, { environmentId })).toMatchObject({
    status: 200,
    body: { lease: { id, status: 'failed', reasonCode: 'driver_failed' } },
  });
});

test('with an Idempotency-Key it is answered as it was', async () => {
  const [companyId, id] = [randomUUID(), randomUUID()];
  const key = { 'idempotency-key': randomUUID() };
  const first = await service.api.expect<Acquired>(201, 'PUT', pathOf(companyId, id), {}, key);
  await service.api.release(id);
  expect(await service.api.expect(201, 'PUT', pathOf(companyId, id), {}, key)).toEqual(first);
  expect(await put(companyId, id)).toMatchObject({ status: 200, body: { lease: { status: 'released' } } });
});

test('after a kill in the midst of it, asking again gives the one lease', async () => {
  const home = await ServiceHome.make();
  try {
    const [companyId, id] = [randomUUID(), randomUUID()];
    const killed = await home.start();
    const asked = { method: 'PUT', headers: { 'content-type': 'application/json' } };
    await leave(killed.url + pathOf(companyId, id), asked, '{}', 5);
    await killed.kill();
    const { api } = await home.start();
    const { status, body } = await api.send<Acquired>('PUT', pathOf(companyId, id), {});
    expect([200, 201]).toContain(status);
    expect(body.lease).toMatchObject({ id, status: 'active' });
    expect(await api.everyLease(companyId)).toEqual([body.lease]);
  } finally {
    await home.close();
  }
}, 60_000);
