import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ExecutionAnswer } from '../../../src/execution/http/execute-bodies.js';
import type { LeaseJson } from '../../../src/leases/lease-json.js';
import type { Acquired } from '../../support/api.js';
import { expectSoundLog } from '../../support/fold-of-log.js';
import { StepsUnderKill } from '../../support/steps-under-kill.js';
import { expectOneHolderAtATime } from '../../leases/one-holder.js';
import { SandboxesUnderTest } from './sandbox-under-test.js';

const SLOW = 300_000;
/** `npm run soak` has the whole matrix, `npm test` the half that the drivers' calls are in. */
const IS_SOAK = process.env['LEASEHOLD_SOAK'] === 'yes';
const BACKENDS = IS_SOAK ? ['postgres', 'redis'] : ['postgres'];
const ROLES = IS_SOAK ? (['worker', 'api'] as const) : (['worker'] as const);

describe.each(BACKENDS)('sandboxes, killed at every step, with the queue on %s', (backend) => {
  let service: StepsUnderKill;
  let sandboxes: SandboxesUnderTest;
  const companyId = randomUUID();
  let environmentId: string;

  beforeAll(async () => {
    service = await StepsUnderKill.on(backend);
    sandboxes = SandboxesUnderTest.on(service.dataDir);
    const wish = { name: 'Sandbox', driver: 'sandbox', config: { provider: 'bubblewrap' } };
    environmentId = (await service.api.createEnvironment(companyId, wish)).id;
  }, SLOW);
  afterAll(() => service?.close(), SLOW);

  async function acquire(): Promise<LeaseJson> {
    const wish = { environmentId, leasePolicy: 'reuse_by_environment' };
    const { lease } = await service.persist<Acquired>(`/api/companies/${companyId}/leases`, wish, [201, 202]);
    return service.until(lease.id, ({ status }) => status === 'active');
  }

  async function release({ id }: LeaseJson): Promise<LeaseJson> {
    await service.persist(`/api/environment-leases/${id}/release`, {}, [200]);
    // Null: what it held is kept, or another's already.
    const isThrough = ({ status, cleanupStatus }: LeaseJson): boolean =>
      status === 'released' && (cleanupStatus === null || cleanupStatus === 'success');
    return service.until(id, isThrough);
  }

  const execute = ({ id }: LeaseJson, script: string, accepted: readonly number[]): Promise<ExecutionAnswer> =>
    service.persist(`/api/environment-leases/${id}/execute`, { command: 'sh', args: ['-c', script] }, accepted);

  /** Acquired, left, taken over by another lease, left again and destroyed. */
  async function live(): Promise<void> {
    const first = await acquire();
    await execute(first, 'echo work > file', [200, 409]);
    await release(first);
    const second = await acquire();
    // Where the killed process had not come to keep it, there was nothing to take over.
    if (second.reusedLeaseId === first.id) {
      expect(second.providerLeaseId).toBe(first.providerLeaseId);
      await execute(second, 'cat file', [200, 409]);
    }
    await release(second);
    await service.persist(`/api/environment-leases/${second.id}/destroy`, {}, [200, 409]);
    for (const { id } of [first, second]) {
      await service.until(id, ({ status, keptUntil }) => status === 'released' && keptUntil === null);
    }
    // Whoever took it over last has taken it down.
    await service.until(second.id, ({ cleanupStatus }) => cleanupStatus === 'success');
    while ((await sandboxes.leftovers()).length > 0) await pause(50);
  }

  test.each(ROLES)(
    'the %s: every lease ends as was asked, and nothing is left of its sandbox',
    async (role) => {
      const steps = await service.killAtEveryStep(role, live);
      if (role === 'worker')
        expect(steps).toEqual(expect.arrayContaining(['before sandbox.suspend', 'before sandbox.resume']));
    },
    SLOW,
  );

  test(
    '100 want the same sandbox at once while the worker is killed every second: all get one, and nothing is left',
    async () => {
      await release(await acquire());
      let isOver = false;
      const kills = (async () => {
        let count = 0;
        for (; !isOver; count += 1) {
          await pause(1_000);
          await service.restart('worker');
        }
        return count;
      })();
      try {
        await Promise.all(Array.from({ length: 100 }, async () => release(await acquire())));
      } finally {
        isOver = true;
      }
      expect(await kills).toBeGreaterThan(2);
      await service.api.deleteEnvironment(environmentId);
      while ((await sandboxes.leftovers()).length > 0) await pause(50);
    },
    SLOW,
  );

  test('after all that, no sandbox had two holders, the log is sound and the read models are its fold', async () => {
    const events = await service.witness.events();
    expectSoundLog(events);
    expect(expectOneHolderAtATime(events)).toBeGreaterThan(0);
    await service.witness.expectTablesToBeTheFold(events);
  });
});
