import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { FolderDriver } from '../../support/folder-driver.js';
import { serve, type Service } from '../../support/service.js';

let service: Service;
let driver: FolderDriver;
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'leasehold-test-folders-'));
  driver = new FolderDriver(root);
  service = await serve({ LEASEHOLD_CLEANUP_RETRY_MS: '[20]' }, [driver]);
});
afterAll(async () => {
  await service?.close();
  await rm(root, { recursive: true, force: true });
});

test('leases are listed by the status of their cleanup, now and then, and without those that were written off', async () => {
  const { api } = service;
  const companyId = randomUUID();
  const wish = { name: 'Folders', driver: 'sandbox', config: { provider: 'folder' } };
  const { id: environmentId } = await api.createEnvironment(companyId, wish);
  const [clean, left] = [
    await api.acquire(companyId, { environmentId }),
    await api.acquire(companyId, { environmentId }),
  ];
  await api.release(clean.lease.id);
  driver.meanwhile = (call) => (call === 'release' ? Promise.reject(new Error('no')) : Promise.resolve());
  await api.release(left.lease.id);
  while ((await api.lease(left.lease.id)).cleanupStatus !== 'irrevocable') await pause(20);

  const listed = async (query: string) => (await api.leases(companyId, query)).items.map(({ id }) => id);
  const { position } = await api.lease(left.lease.id);
  expect(await listed('?cleanupStatus=irrevocable')).toEqual([left.lease.id]);
  expect(await listed('?cleanupStatus=success')).toEqual([clean.lease.id]);
  expect(await listed('?cleanupStatus=success&cleanupStatus=irrevocable')).toEqual([left.lease.id, clean.lease.id]);
  expect(await listed(`?cleanupStatus=irrevocable&at=pos:${clean.position}`)).toEqual([]);
  await api.expect(400, 'GET', `/api/companies/${companyId}/leases?cleanupStatus=gone`);
  await api.expect(400, 'GET', `/api/companies/${companyId}/leases?cleanupWrittenOff=maybe`);

  await api.expect(200, 'POST', `/api/environment-leases/${left.lease.id}/cleanup/write-off`, {});
  expect(await listed('?cleanupStatus=irrevocable')).toEqual([left.lease.id]);
  expect(await listed('?cleanupStatus=irrevocable&cleanupWrittenOff=true')).toEqual([left.lease.id]);
  expect(await listed('?cleanupStatus=irrevocable&cleanupWrittenOff=false')).toEqual([]);
  const then = `?cleanupStatus=irrevocable&cleanupWrittenOff=false&at=pos:${position}`;
  expect(await listed(then)).toEqual([left.lease.id]);
});
