import { randomUUID } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Environment } from '../../../src/domain/environments/state.js';
import type { ExecutionAnswer } from '../../../src/runtime/execution/http/execute-bodies.js';
import type { LeaseJson } from '../../../src/domain/leases/lease-json.js';
import { expectOneHolderAtATime } from '../../domain/leases/one-holder.js';
import type { Acquired } from '../../support/api.js';
import { expectSoundLog } from '../../support/fold-of-log.js';
import { expectHistoryExplained } from '../../audit/history/expect-explained.js';
import { StepsUnderKill } from '../../support/steps-under-kill.js';
import { FAKE_PLUGIN } from './plugin/plugins-under-test.js';
import { SandboxesUnderTest } from './bubblewrap/sandbox-under-test.js';

/** What a worker that is killed again and again has to come to, or nobody would ever get anything: a start is no progress. */
const PROGRESS = new Set(['LeaseActivated', 'SandboxKept', 'CleanupSucceeded']);
const WORK_OF_A_SECOND = 20;
/** A fifth attempt in a row that is lost is an effect's last. */
const MOST_KILLS = 4;

interface Provider {
  readonly config: object;
  /** What there is of its sandboxes. */
  leftovers(): Promise<string[]>;
}

const PROVIDERS: Readonly<Record<string, (dataDir: string) => Promise<Provider>>> = {
  bubblewrap: (dataDir) => {
    const sandboxes = SandboxesUnderTest.on(dataDir);
    return Promise.resolve({ config: { provider: 'bubblewrap' }, leftovers: () => sandboxes.leftovers() });
  },
  plugin: async (dataDir) => {
    const root = join(dataDir, 'of-the-plugin');
    await mkdir(root);
    return { config: { provider: 'fake-plugin', root, reuseLease: true }, leftovers: () => readdir(root) };
  },
};

describe.each([
  ['bubblewrap', 'postgres'],
  ['bubblewrap', 'redis'],
  ['plugin', 'postgres'],
  ['plugin', 'redis'],
])('sandboxes of %s, killed at every step, with the queue on %s', (name, backend) => {
  let service: StepsUnderKill;
  let sandboxes: Provider;
  const companyId = randomUUID();

  beforeAll(async () => {
    // What a killed worker asked a provider for is in doubt until the provider has settled, and counts as held.
    service = await StepsUnderKill.on(backend, {
      LEASEHOLD_PLUGINS: FAKE_PLUGIN,
      LEASEHOLD_PLUGIN_SETTLING_MS: '1000',
    });
    const provider = PROVIDERS[name];
    if (!provider) throw new Error(`There is no provider ${name}.`);
    sandboxes = await provider(service.dataDir);
  });
  afterAll(() => service?.close());

  async function makeEnvironment(): Promise<string> {
    const wish = { name: `Sandbox ${randomUUID()}`, driver: 'sandbox', config: sandboxes.config };
    const path = `/api/companies/${companyId}/environments`;
    return (await service.persist<Environment>(path, wish, [201])).id;
  }

  async function acquire(environmentId: string): Promise<LeaseJson> {
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

  async function progressSince(position: number): Promise<number> {
    const events = await service.witness.events(position);
    return events.filter(({ type }) => PROGRESS.has(type)).length;
  }

  /** Acquired, left, taken over by another lease, left again and destroyed. */
  async function live(): Promise<void> {
    const environmentId = await makeEnvironment();
    const first = await acquire(environmentId);
    await execute(first, 'echo work > file', [200, 409]);
    await release(first);
    const second = await acquire(environmentId);
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
  }

  test.each(['worker', 'api'] as const)(
    'the %s: every lease ends as was asked, and nothing is left of its sandbox',
    async (role) => {
      const steps = await service.killAtEveryStep(role, live);
      while ((await sandboxes.leftovers()).length > 0) await pause(50);
      if (role === 'worker')
        expect(steps).toEqual(expect.arrayContaining(['before sandbox.suspend', 'before sandbox.resume']));
    },
  );

  test('100 want the same sandbox at once while the worker is killed every second: all get one, and nothing is left', async () => {
    const environmentId = await makeEnvironment();
    await release(await acquire(environmentId));
    const leaseIds: string[] = [];
    let kills = 0;
    let isOver = false;
    const killing = (async () => {
      for (; !isOver && kills < MOST_KILLS; kills += 1) {
        const head = await service.witness.head();
        await pause(1_000);
        // On a machine that is busy it may not have got to work within the second, and would never get anywhere.
        while (!isOver && (await progressSince(head)) < WORK_OF_A_SECOND) await pause(50);
        await service.restart('worker');
      }
    })();
    try {
      while (kills < 3)
        await Promise.all(
          Array.from({ length: 100 }, async () => {
            const lease = await acquire(environmentId);
            leaseIds.push(lease.id);
            await release(lease);
          }),
        );
    } finally {
      isOver = true;
      await killing;
    }
    for (const id of leaseIds) await service.until(id, ({ inDoubtUntil }) => inDoubtUntil === null);
    await service.api.deleteEnvironment(environmentId);
    while ((await sandboxes.leftovers()).length > 0) await pause(50);
  });

  test('after all that, no sandbox had two holders, the log is sound and the read models are its fold', async () => {
    const events = await service.witness.events();
    expectSoundLog(events);
    expect(expectOneHolderAtATime(events)).toBeGreaterThan(0);
    await service.witness.expectTablesToBeTheFold(events);
  });

  test('every state that a lease was in is the fold of its events, every end has a reason, and a bundle tells the same', async () => {
    await expectHistoryExplained(service.api, await service.witness.events());
  });
});
