import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Acquisition, EffectRequest } from '../../../src/domain/driver-contract/runtime-driver.js';
import { FolderDriver } from '../../support/folder-driver.js';
import { startRedis, type TestRedis } from '../../support/redis.js';
import { serve, type Service } from '../../support/service.js';

const PENDING = 200;

/** Some of whose environments say nothing until they are let go. */
class SilentDriver extends FolderDriver {
  readonly silent = new Set<string>();
  letGo = (): void => undefined;
  private readonly over = new Promise<void>((resolve) => (this.letGo = resolve));

  override async acquire(request: EffectRequest): Promise<Acquisition> {
    if (this.silent.has(request.environmentId)) await this.over;
    return super.acquire(request);
  }
}

describe.each(['postgres', 'redis'])('200 leases of a company that come to no end, the queue on %s', (backend) => {
  let root: string;
  let driver: SilentDriver;
  let service: Service;
  let redis: TestRedis | null = null;

  beforeAll(async () => {
    if (backend === 'redis') redis = await startRedis();
    root = await mkdtemp(join(tmpdir(), 'leasehold-test-folders-'));
    driver = new SilentDriver(root);
    service = await serve({ ...(redis && { REDIS_URL: redis.url }) }, [driver]);
  });
  afterAll(async () => {
    driver.letGo();
    await service?.close();
    await redis?.stop();
    await rm(root, { recursive: true, force: true });
  });

  async function environment(companyId: string): Promise<string> {
    const wish = { name: randomUUID(), driver: 'sandbox', config: { provider: 'folder' } };
    return (await service.api.createEnvironment(companyId, wish)).id;
  }

  test('keep neither another company’s lease waiting nor one of another environment of theirs', async () => {
    const [loud, quiet] = [randomUUID(), randomUUID()];
    const [silent, other, ofQuiet] = await Promise.all([environment(loud), environment(loud), environment(quiet)]);
    driver.silent.add(silent);
    const path = `/api/companies/${loud}/leases`;
    const wish = { environmentId: silent, priority: 100 };
    for (let lease = 0; lease < PENDING; lease += 1) {
      await service.api.expect(202, 'POST', path, wish, { Prefer: 'wait=0' });
    }
    // 202 would be an UnexpectedAnswer: each is active within the wait, though all 200 before it still are not.
    const wait = { Prefer: 'wait=20' };
    for (let lease = 0; lease < 3; lease += 1) await service.api.acquire(quiet, { environmentId: ofQuiet }, wait);
    const { lease } = await service.api.acquire(loud, { environmentId: other, priority: 0 }, wait);
    await service.api.release(lease.id, {}, wait);
    const all = await service.api.everyLease(loud);
    expect(all.filter(({ status }) => status === 'active')).toEqual([]);
    expect(all.filter(({ status }) => ['queued', 'provisioning'].includes(status)).length).toBe(PENDING);

    driver.letGo();
    for (;;) {
      const { items } = await service.api.leases(loud, '?status=active&limit=500');
      if (items.length === PENDING) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
});
