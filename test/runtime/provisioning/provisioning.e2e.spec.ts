import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DriverError } from '../../../src/domain/driver-contract/driver-error.js';
import type { FailureClass } from '../../../src/domain/driver-contract/driver-names.js';
import type { LeaseJson } from '../../../src/domain/leases/lease-json.js';
import type { Acquired } from '../../support/api.js';
import { FolderDriver } from '../../support/folder-driver.js';
import { startRedis, type TestRedis } from '../../support/redis.js';
import { serve, type Service } from '../../support/service.js';

const DELAYS = { LEASEHOLD_PROVISIONING_RETRY_MS: '[20, 20]', LEASEHOLD_CLEANUP_RETRY_MS: '[20, 20]' };

describe.each(['postgres', 'redis'])('provisioning, with the queue on %s', (backend) => {
  let root: string;
  let driver: FolderDriver;
  let service: Service;
  let redis: TestRedis | null = null;

  beforeAll(async () => {
    if (backend === 'redis') redis = await startRedis();
    root = await mkdtemp(join(tmpdir(), 'leasehold-test-folders-'));
    driver = new FolderDriver(root);
    service = await serve({ ...DELAYS, ...(redis && { REDIS_URL: redis.url }) }, [driver]);
  });
  afterAll(async () => {
    await service?.close();
    await redis?.stop();
    await rm(root, { recursive: true, force: true });
  });
  beforeEach(() => {
    driver.meanwhile = () => Promise.resolve();
  });

  async function environment(companyId: string): Promise<string> {
    const wish = { name: 'Folders', driver: 'sandbox', config: { provider: 'folder' } };
    return (await service.api.createEnvironment(companyId, wish)).id;
  }

  async function acquire(wish: object = {}): Promise<Acquired> {
    const companyId = randomUUID();
    const environmentId = await environment(companyId);
    return service.api.acquire(companyId, { environmentId, heartbeatRunId: randomUUID(), ...wish });
  }

  const folders = async (): Promise<string[]> => (await readdir(root)).filter((name) => name !== 'made');
  const timesMade = async (leaseId: string): Promise<number> => {
    const made = await readFile(join(root, 'made'), 'utf8').catch(() => '');
    return made.split('\n').filter((line) => line === leaseId).length;
  };
  const folderOf = (lease: LeaseJson): string => String(lease.metadata['folder']);

  async function until(leaseId: string, reached: (lease: LeaseJson) => boolean): Promise<LeaseJson> {
    for (;;) {
      const lease = await service.api.lease(leaseId);
      if (reached(lease)) return lease;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  test('an acquire waits for the lease to be active, a release for it to be taken back', async () => {
    const { lease } = await acquire();
    expect(lease).toMatchObject({ status: 'active', cleanupStatus: null, reasonCode: null });
    expect(await folders()).toContain(folderOf(lease));
    const { lease: ended } = await service.api.release(lease.id);
    expect(ended).toMatchObject({ status: 'released', cleanupStatus: 'success', reasonCode: 'released_by_caller' });
    expect(await folders()).not.toContain(folderOf(lease));
    expect(await service.api.lease(lease.id)).toStrictEqual(ended);
  });

  test('who does not wait gets 202 and where to look; a repeat with its key gives the lease once it is active', async () => {
    const companyId = randomUUID();
    const environmentId = await environment(companyId);
    const headers = { Prefer: 'wait=0', 'Idempotency-Key': randomUUID() };
    const path = `/api/companies/${companyId}/leases`;
    const asked = await service.api.send<Acquired>('POST', path, { environmentId }, headers);
    expect(asked.status).toBe(202);
    expect(asked.headers.get('location')).toBe(`/api/environment-leases/${asked.body.lease.id}`);
    expect(asked.body.lease).toMatchObject({ acquiredAt: null, providerLeaseId: null });
    const again = { ...headers, Prefer: 'wait=10' };
    const { lease } = await service.api.acquire(companyId, { environmentId }, again);
    expect(lease).toMatchObject({ id: asked.body.lease.id, status: 'active' });
    expect(await service.api.lease(lease.id)).toStrictEqual(lease);
    await service.api.release(lease.id);
    // The first answer, not what has become of it.
    expect((await service.api.acquire(companyId, { environmentId }, again)).lease).toStrictEqual(lease);
    expect(await timesMade(lease.id)).toBe(1);
  });

  test.each([
    ['without a key, and the lease is given up', null, 'released'],
    ['with a key, and the lease is there for who comes back with it', randomUUID(), 'active'],
  ])('a caller leaves before the lease is active: %s', async (_how, key, end) => {
    let goOn = (): void => undefined;
    const left = new Promise<void>((resolve) => (goOn = resolve));
    const begun = new Promise<string>((resolve) => {
      driver.meanwhile = async (call, leaseId) => {
        if (call !== 'acquire') return;
        resolve(leaseId);
        await left;
      };
    });
    const companyId = randomUUID();
    const environmentId = await environment(companyId);
    const caller = request(`${service.api.url}/api/companies/${companyId}/leases`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key !== null && { 'idempotency-key': key }) },
    });
    const hungUp = new Promise((resolve) => caller.on('error', resolve));
    caller.end(JSON.stringify({ environmentId }));
    const leaseId = await begun;
    caller.destroy(new Error('It hangs up.'));
    await hungUp;
    if (end === 'released') await until(leaseId, ({ status }) => status === 'releasing');
    goOn();
    const lease = await until(leaseId, ({ status }) => status === end);
    expect(lease.reasonCode).toBe(end === 'released' ? 'caller_gone' : null);
    if (key !== null) {
      const again = await service.api.acquire(companyId, { environmentId }, { 'Idempotency-Key': key });
      expect(again.lease.id).toBe(leaseId);
    }
  });

  test.each<[FailureClass, number]>([
    ['transient', 3],
    ['capacity', 3],
    ['auth', 1],
    ['config', 1],
    ['permanent', 1],
  ])('a failure of class %s is tried %i times, then the lease fails and says why', async (failureClass, attempts) => {
    let tried = 0;
    driver.meanwhile = (call) => {
      if (call !== 'acquire') return Promise.resolve();
      tried += 1;
      return Promise.reject(new DriverError(failureClass, 'host_unreachable', 'nobody is there', false));
    };
    const companyId = randomUUID();
    const environmentId = await environment(companyId);
    const wish = { environmentId, heartbeatRunId: randomUUID() };
    const answer = await service.api.send('POST', `/api/companies/${companyId}/leases`, wish);
    expect(answer.body).toMatchObject({
      code: 'lease_acquire_failed',
      detail: 'nobody is there',
      reasonCode: 'host_unreachable',
    });
    expect(tried).toBe(attempts);
    const [lease] = (await service.api.leases(companyId)).items;
    expect(lease).toMatchObject({
      status: 'failed',
      reasonCode: 'host_unreachable',
      failureReason: 'nobody is there',
      cleanupStatus: null,
      lastFailure: { failureClass },
    });
  });

  test('a failure in doubt is looked for before it is made again, and cleaned up after the last', async () => {
    const calls: string[] = [];
    driver.meanwhile = (call) => {
      calls.push(call);
      return call === 'acquire'
        ? Promise.reject(new DriverError('transient', 'connection_lost', 'it broke off', true))
        : Promise.resolve();
    };
    const companyId = randomUUID();
    const environmentId = await environment(companyId);
    const answer = await service.api.send<{ leaseId: string }>('POST', `/api/companies/${companyId}/leases`, {
      environmentId,
    });
    const lease = await until(answer.body.leaseId, ({ cleanupStatus }) => cleanupStatus === 'success');
    expect(lease).toMatchObject({ status: 'failed', reasonCode: 'connection_lost', lastFailure: null });
    expect(calls).toEqual(['acquire', 'find', 'acquire', 'find', 'acquire', 'find']);
  });

  test('a release while it is being made wins: what was made is taken down again', async () => {
    let letGo = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      driver.meanwhile = (call, _leaseId, signal) => {
        if (call !== 'acquire') return Promise.resolve();
        resolve();
        // It does not heed its signal at once: the sandbox is made after the release.
        return new Promise((go) => {
          letGo = go;
          signal.addEventListener('abort', () => setTimeout(go, 50));
        });
      };
    });
    const companyId = randomUUID();
    const environmentId = await environment(companyId);
    const wait = { Prefer: 'wait=0' };
    const path = `/api/companies/${companyId}/leases`;
    const { body } = await service.api.send<Acquired>('POST', path, { environmentId }, wait);
    await begun;
    const { lease } = await service.api.release(body.lease.id);
    letGo();
    expect(lease).toMatchObject({ status: 'released', cleanupStatus: 'success', reasonCode: 'released_by_caller' });
    expect(await timesMade(lease.id)).toBe(1);
    expect(await folders()).not.toContain(folderOf(lease));
  });

  test('a cleanup that fails does not stop the release, is given up visibly, and can be retried', async () => {
    const { lease: held } = await acquire();
    const { lease: other } = await acquire();
    driver.meanwhile = (call, leaseId) =>
      call === 'release' && leaseId === held.id
        ? Promise.reject(new DriverError('transient', 'host_not_answering', 'it is silent', true))
        : Promise.resolve();
    const { lease } = await service.api.release(held.id);
    expect(lease).toMatchObject({ status: 'released', releasedAt: lease.updatedAt });
    expect(await service.api.release(other.id)).toMatchObject({ lease: { cleanupStatus: 'success' } });
    const givenUp = await until(held.id, ({ cleanupStatus }) => cleanupStatus === 'irrevocable');
    expect(givenUp.lastFailure).toMatchObject({ reasonCode: 'host_not_answering', failureReason: 'it is silent' });
    expect(await folders()).toContain(folderOf(held));

    driver.meanwhile = () => Promise.resolve();
    const path = `/api/environment-leases/${held.id}/cleanup`;
    await service.api.expect(202, 'POST', `${path}/retry`, {});
    await until(held.id, ({ cleanupStatus }) => cleanupStatus === 'success');
    expect(await folders()).not.toContain(folderOf(held));
    expect(await service.api.send('POST', `${path}/write-off`, {})).toMatchObject({
      status: 409,
      body: { code: 'cleanup_not_failed' },
    });
  });

  test('capacity is taken until an operator writes a failed cleanup off', async () => {
    const { lease, environment } = await acquire();
    driver.meanwhile = (call) =>
      call === 'release'
        ? Promise.reject(new DriverError('permanent', 'driver_failed', 'never again', true))
        : Promise.resolve();
    await service.api.release(lease.id);
    await until(lease.id, ({ cleanupStatus }) => cleanupStatus === 'irrevocable');
    expect(await service.api.send('DELETE', `/api/environments/${environment.id}`)).toMatchObject({
      status: 409,
      body: { code: 'environment_in_use', leaseIds: [lease.id] },
    });
    const path = `/api/environment-leases/${lease.id}/cleanup/write-off`;
    await service.api.expect(200, 'POST', path, { note: 'scrapped' });
    expect((await service.api.send('DELETE', `/api/environments/${environment.id}`)).status).toBe(200);
  });

  test('leases of one run end together, and the second call releases nothing', async () => {
    const [companyId, runId] = [randomUUID(), randomUUID()];
    const environmentId = await environment(companyId);
    const wish = { environmentId, heartbeatRunId: runId };
    await Promise.all(Array.from({ length: 5 }, () => service.api.acquire(companyId, wish)));
    const { released, errors } = await service.api.releaseRun(companyId, runId);
    expect(errors).toEqual([]);
    expect(released.map(({ lease }) => [lease.status, lease.cleanupStatus])).toEqual(
      Array.from({ length: 5 }, () => ['released', 'success']),
    );
    expect(await service.api.releaseRun(companyId, runId)).toMatchObject({ released: [], errors: [] });
  });
});
