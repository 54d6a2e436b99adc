import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ExecutionAnswer } from '../../../../src/runtime/execution/http/execute-bodies.js';
import { Api, type Acquired } from '../../../support/api.js';
import { startRedis, type TestRedis } from '../../../support/redis.js';
import { ServiceHome, type ServiceProcess } from '../../../support/service.js';
import { SandboxesUnderTest } from './sandbox-under-test.js';

const ROUNDS = 4;

describe.each(['postgres', 'redis'])('bubblewrap and a service that is killed, with the queue on %s', (backend) => {
  let home: ServiceHome;
  let sandboxes: SandboxesUnderTest;
  let redis: TestRedis | null = null;
  let service: ServiceProcess;
  let settings: Record<string, string>;
  const companyId = randomUUID();
  beforeAll(async () => {
    if (backend === 'redis') redis = await startRedis();
    home = await ServiceHome.make();
    sandboxes = SandboxesUnderTest.on(home.dataDir);
    settings = { LEASEHOLD_WORKER_LOCK_MS: '1000', ...(redis && { REDIS_URL: redis.url }) };
    service = await home.start(settings);
  });
  afterAll(async () => {
    await home?.close();
    await redis?.stop();
  });

  const execute = (leaseId: string, script: string): Promise<ExecutionAnswer> =>
    service.api.expect(200, 'POST', `/api/environment-leases/${leaseId}/execute`, {
      command: 'sh',
      args: ['-c', script],
    });

  async function untilNothingRuns(): Promise<void> {
    while ((await sandboxes.processes()).length > 0) await pause(20);
  }

  test('leaves no process; the next one has the workspace; the release leaves nothing', async () => {
    const { id: environmentId } = await service.api.createEnvironment(companyId, {
      ...{ name: 'Sandbox', driver: 'sandbox', config: { provider: 'bubblewrap' } },
    });
    const { lease } = await service.api.acquire(companyId, { environmentId });
    await execute(lease.id, 'echo kept > file');
    const cutOff = execute(lease.id, "trap '' TERM; (setsid sleep 1000 &); sleep 1000");
    cutOff.catch(() => undefined);
    while ((await execute(lease.id, 'ps -e -o args=')).stdout.split('sleep 1000').length < 3) await pause(20);
    expect(await sandboxes.processes()).not.toEqual([]);
    await service.kill();
    await untilNothingRuns();

    service = await home.start(settings);
    expect((await execute(lease.id, 'cat file')).stdout).toBe('kept\n');
    await service.api.release(lease.id);
    expect(await sandboxes.leftovers()).toEqual([]);
  });

  test('whenever it is killed while leases come and go, the leases end and nothing is left', async () => {
    const { id: environmentId } = await service.api.createEnvironment(companyId, {
      ...{ name: 'Sandbox', driver: 'sandbox', config: { provider: 'bubblewrap' } },
    });
    const asked: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const wishes = Array.from({ length: 4 }, async () => {
        const wish = { environmentId, heartbeatRunId: randomUUID() };
        const { body } = await service.api.send<Acquired>('POST', `/api/companies/${companyId}/leases`, wish);
        asked.push(body.lease.id);
        await service.api.send('POST', `/api/environment-leases/${body.lease.id}/execute`, { command: 'env' });
        await service.api.release(body.lease.id);
      });
      await pause(30 + (round * 140) / ROUNDS);
      await service.kill();
      await Promise.allSettled(wishes);
      service = await home.start(settings);
    }
    const { items } = await service.api.leases(companyId, '?limit=500');
    expect(items.length).toBeGreaterThanOrEqual(asked.length);
    await Promise.all(items.map(({ id }) => service.api.send('POST', `/api/environment-leases/${id}/release`, {})));
    const api = new Api(service.url);
    for (const { id } of items) {
      for (;;) {
        const { cleanupStatus, status } = await api.lease(id);
        // Null: it ended before anything was made.
        const isClean = cleanupStatus === null || cleanupStatus === 'success';
        if (isClean && (status === 'released' || status === 'failed')) break;
        await pause(50);
      }
    }
    await untilNothingRuns();
    expect(await sandboxes.leftovers()).toEqual([]);
  });
});
