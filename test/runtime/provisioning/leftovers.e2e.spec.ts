import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { LeaseJson } from '../../../src/domain/leases/lease-json.js';
import { serve, type Service } from '../../support/service.js';
import { LateLists } from './late-lists.js';

let root: string;
let driver: LateLists;
let service: Service;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'leasehold-test-folders-'));
  driver = new LateLists(root, 1_500);
  service = await serve({ LEASEHOLD_PROVISIONING_RETRY_MS: '[20]', LEASEHOLD_CLEANUP_RETRY_MS: '[20]' }, [driver]);
});
afterAll(async () => {
  await service?.close();
  await rm(root, { recursive: true, force: true });
});

async function acquire(): Promise<LeaseJson> {
  const companyId = randomUUID();
  const wish = { name: 'Folders', driver: 'sandbox', config: { provider: 'folder' } };
  const { id: environmentId } = await service.api.createEnvironment(companyId, wish);
  driver.loseNext = true;
  return (await service.api.acquire(companyId, { environmentId })).lease;
}

async function settled(id: string): Promise<LeaseJson> {
  for (;;) {
    const lease = await service.api.lease(id);
    if (lease.inDoubtUntil === null) return lease;
    await pause(50);
  }
}

test('what a lost attempt has made is taken down when its provider shows it; until then the lease is in doubt', async () => {
  const lease = await acquire();
  expect(lease).toMatchObject({ status: 'active', inDoubtUntil: expect.any(String) });
  expect(await readdir(root)).toHaveLength(2);
  expect(await settled(lease.id)).toMatchObject({ status: 'active', providerLeaseId: lease.providerLeaseId });
  expect(await readdir(root)).toEqual([lease.metadata['folder']]);
  await service.api.release(lease.id);
  expect(await readdir(root)).toEqual([]);
});

test('so it is where the lease ends before', async () => {
  const { id } = await acquire();
  const { lease } = await service.api.release(id);
  expect(lease).toMatchObject({ status: 'released', cleanupStatus: 'success', inDoubtUntil: expect.any(String) });
  expect(await readdir(root)).toHaveLength(1);
  await settled(id);
  expect(await readdir(root)).toEqual([]);
});
