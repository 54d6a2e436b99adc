import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readConfig } from '../../src/config/config.js';
import type { Role } from '../../src/config/config.js';
import { EffectQueue } from '../../src/provisioning/effect-queue.js';
import type { LeaseJson } from '../../src/leases/lease-json.js';
import { Api, type Acquired } from '../support/api.js';
import { connectionUrl, createTestDatabase, type TestDatabase } from '../support/database.js';
import { expectSoundLog, Witness } from '../support/fold-of-log.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { startSshd, type TestSshd } from '../support/sshd.js';
import { leasesOnHost } from '../support/ssh-host.js';
import { SteppedProcess } from '../support/stepped-process.js';

const LOCK_MS = '1000';
const SLOW = 300_000;

/**
 * The service is killed before and after every append and every call of a driver that a lease's life takes, in the process
 * that takes the step. The steps are those that a life without a kill has told of.
 */
describe.each(['postgres', 'redis'])('killed at every step, with the queue on %s', (backend) => {
  let database: TestDatabase;
  let sshd: TestSshd;
  let redis: TestRedis | null = null;
  let dataDir: string;
  let witness: Witness;
  let settings: Record<string, string>;
  const running = new Map<Role, SteppedProcess>();

  beforeAll(async () => {
    database = await createTestDatabase();
    sshd = await startSshd();
    if (backend === 'redis') redis = await startRedis();
    dataDir = await mkdtemp(join(tmpdir(), 'leasehold-test-steps-'));
    settings = {
      DATABASE_URL: connectionUrl(database.connection),
      LEASEHOLD_DATA_DIR: dataDir,
      LEASEHOLD_WORKER_LOCK_MS: LOCK_MS,
      LEASEHOLD_PROVISIONING_RETRY_MS: '[100, 500, 1000]',
      LEASEHOLD_CLEANUP_RETRY_MS: '[100, 500, 1000]',
      ...(redis && { REDIS_URL: redis.url }),
    };
    for (const role of ['api', 'worker'] as const) await start(role);
    witness = await Witness.of(database.connection);
  }, SLOW);

  afterAll(async () => {
    for (const process of running.values()) await process.kill();
    await witness?.close();
    await redis?.stop();
    await sshd?.stop();
    await database?.drop();
    await rm(dataDir, { recursive: true, force: true });
  }, SLOW);

  async function start(role: 'api' | 'worker'): Promise<SteppedProcess> {
    const process = await SteppedProcess.start({ ...settings, LEASEHOLD_ROLE: role });
    running.set(role, process);
    return process;
  }

  function processOf(role: Role): SteppedProcess {
    const process = running.get(role);
    if (!process) throw new Error(`There is no ${role}.`);
    return process;
  }

  /** As a caller does who does not know what became of its command: the same again, to whoever answers. */
  async function persist<Body>(path: string, body: object, accepted: readonly number[]): Promise<Body> {
    const headers = { 'Idempotency-Key': randomUUID(), Prefer: 'wait=5' };
    for (;;) {
      try {
        const answer = await new Api(processOf('api').url).send<Body>('POST', path, body, headers);
        if (accepted.includes(answer.status)) return answer.body;
        if (answer.status < 500) throw new Refused(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      } catch (error) {
        if (error instanceof Refused) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async function until(leaseId: string, reached: (lease: LeaseJson) => boolean): Promise<LeaseJson> {
    for (;;) {
      const lease = await new Api(processOf('api').url).lease(leaseId).catch(() => null);
      if (lease && reached(lease)) return lease;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Acquire, execute, release: a whole life. */
  async function live(environmentId: string, companyId: string): Promise<LeaseJson> {
    const wish = { environmentId, heartbeatRunId: randomUUID() };
    const { lease } = await persist<Acquired>(`/api/companies/${companyId}/leases`, wish, [201, 202]);
    const active = await until(lease.id, ({ status }) => status === 'active');
    expect(await leasesOnHost(sshd.workspace)).toEqual([lease.id]);
    // What an execution that was cut off answers when it is repeated is another test's business.
    await persist(`/api/environment-leases/${lease.id}/execute`, { command: 'true', args: [] }, [200, 409]);
    await persist(`/api/environment-leases/${lease.id}/release`, {}, [200]);
    const ended = await until(lease.id, ({ cleanupStatus }) => cleanupStatus === 'success');
    expect(ended).toMatchObject({ status: 'released', reasonCode: 'released_by_caller', fence: active.fence });
    expect(await leasesOnHost(sshd.workspace)).toEqual([]);
    return ended;
  }

  async function environment(): Promise<{ environmentId: string; companyId: string }> {
    const companyId = randomUUID();
    const { host, port, username, workspace, privateKey, knownHosts } = sshd;
    const config = { host, port, username, remoteWorkspacePath: workspace, privateKey, knownHosts };
    const wish = { name: 'Host', driver: 'ssh', config };
    const made = await new Api(processOf('api').url).createEnvironment(companyId, wish);
    return { environmentId: made.id, companyId };
  }

  /** What the log says of a life: made once, taken back, and nothing left open. */
  async function expectExplained(lease: LeaseJson): Promise<void> {
    const types = (await witness.events(lease.fence - 1))
      .filter(({ stream }) => stream === `lease-${lease.id}`)
      .map(({ type }) => type);
    const count = (type: string): number => types.filter((one) => one === type).length;
    expect([count('LeaseRequested'), count('LeaseActivated'), count('LeaseReleased')]).toEqual([1, 1, 1]);
    expect(count('ProvisioningStarted')).toBeGreaterThan(0);
    expect(count('CleanupSucceeded')).toBe(1);
    expect(types.indexOf('CleanupSucceeded')).toBeGreaterThan(types.indexOf('CleanupRequested'));
  }

  async function expectNoJobs(): Promise<void> {
    const queue = new EffectQueue(database.connection, readConfig(settings), () => undefined);
    try {
      while ((await queue.size()) > 0) await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      await queue.close();
    }
  }

  test.each(['worker', 'api'] as const)(
    'the %s: every lease ends as was asked, made once and gone',
    async (role) => {
      const { environmentId, companyId } = await environment();
      const watched = processOf(role);
      await watched.record();
      await expectExplained(await live(environmentId, companyId));
      const steps = [...new Set(watched.steps)];
      expect(steps.length).toBeGreaterThan(7);
      for (const step of steps) {
        const victim = processOf(role);
        const { stopped } = await victim.arm(step);
        const life = live(environmentId, companyId);
        expect([step, await stopped]).toEqual([step, true]);
        await victim.kill();
        await start(role);
        await expectExplained(await life.catch((error: unknown) => Promise.reject(new Error(step, { cause: error }))));
        await expectNoJobs();
      }
    },
    SLOW,
  );

  test('every command that began has one end', async () => {
    const idsOf = async (types: RegExp): Promise<string[]> =>
      (await witness.events())
        .filter(({ type }) => types.test(type))
        .map(({ data }) => (data as { executionId: string }).executionId)
        .sort();
    const began = await idsOf(/^ExecutionStarted$/);
    const ended = (): Promise<string[]> => idsOf(/^Execution(Finished|Failed)$/);
    while ((await ended()).length < began.length) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await ended()).toEqual(began);
  });

  test('after all that, the log is sound and the read models are its fold', async () => {
    const events = await witness.events();
    expectSoundLog(events);
    await witness.expectTablesToBeTheFold(events);
  });
});

class Refused extends Error {}
