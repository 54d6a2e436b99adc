import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { readConfig, type Role } from '../../src/platform/config/config.js';
import type { LeaseJson } from '../../src/domain/leases/lease-json.js';
import { EffectQueue } from '../../src/runtime/provisioning/effect-queue.js';
import { Api } from './api.js';
import { connectionUrl, createTestDatabase, type TestDatabase } from './database.js';
import { Witness } from './fold-of-log.js';
import { startRedis, type TestRedis } from './redis.js';
import { SteppedProcess } from './stepped-process.js';

/** A process that has less than its share of two busy cores is silent for a second, and is not to be taken for dead. */
const LOCK_MS = '2000';
/** A life takes a second; many at once take their time. */
const HELD_WITHIN_MS = 60_000;

/**
 * A service of two processes, one that serves and one that works, that can be killed at any step of a lease: before and
 * after every append and every call of a driver. The steps are those that a life without a kill has told of.
 */
export class StepsUnderKill {
  private readonly running = new Map<Role, SteppedProcess>();

  private constructor(
    readonly dataDir: string,
    readonly witness: Witness,
    private readonly database: TestDatabase,
    private readonly redis: TestRedis | null,
    private readonly settings: Readonly<Record<string, string>>,
  ) {}

  /** @param more settings besides those that it needs */
  static async on(backend: string, more: Readonly<Record<string, string>> = {}): Promise<StepsUnderKill> {
    const database = await createTestDatabase();
    const redis = backend === 'redis' ? await startRedis() : null;
    const dataDir = await mkdtemp(join(tmpdir(), 'leasehold-test-steps-'));
    const settings = {
      DATABASE_URL: connectionUrl(database.connection),
      LEASEHOLD_DATA_DIR: dataDir,
      LEASEHOLD_WORKER_LOCK_MS: LOCK_MS,
      LEASEHOLD_PROVISIONING_RETRY_MS: '[100, 500, 1000]',
      LEASEHOLD_CLEANUP_RETRY_MS: '[100, 500, 1000]',
      ...(redis && { REDIS_URL: redis.url }),
      ...more,
    };
    const witness = await Witness.of(database.connection);
    const service = new StepsUnderKill(dataDir, witness, database, redis, settings);
    for (const role of ['api', 'worker'] as const) await service.start(role);
    return service;
  }

  async close(): Promise<void> {
    for (const process of this.running.values()) await process.kill();
    await this.witness.close();
    await this.redis?.stop();
    await this.database.drop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  get api(): Api {
    return new Api(this.processOf('api').url);
  }

  /** The process of this role is killed, and another one begins. */
  async restart(role: Role): Promise<void> {
    await this.processOf(role).kill();
    await this.start(role);
  }

  /**
   * One life without a kill tells which steps there are in the process of this role. Then as many lives at once as there
   * are steps: each step holds the first life that comes to it, and when all are held, the process is killed.
   * @param live is to persist whatever becomes of its commands, and to check that its leases ended well
   * @returns the steps
   */
  async killAtEveryStep(role: Role, live: () => Promise<void>): Promise<string[]> {
    const watched = this.processOf(role);
    await watched.record();
    await live();
    const steps = [...new Set(watched.steps)];
    expect(steps.length).toBeGreaterThan(7);
    const held = await watched.arm(steps);
    const lives = Promise.all(steps.map(() => live()));
    // One that fails before the kill counts after it.
    lives.catch(() => undefined);
    expect(await held.missing(HELD_WITHIN_MS)).toEqual([]);
    await this.restart(role);
    await lives;
    await this.untilNoJobs();
    return steps;
  }

  /** As a caller does who does not know what became of its command: the same again, to whoever answers. */
  async persist<Body>(path: string, body: object, accepted: readonly number[]): Promise<Body> {
    const headers = { 'Idempotency-Key': randomUUID(), Prefer: 'wait=5' };
    for (;;) {
      try {
        const answer = await this.api.send<Body>('POST', path, body, headers);
        if (accepted.includes(answer.status)) return answer.body;
        if (answer.status < 500) throw new Refused(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      } catch (error) {
        if (error instanceof Refused) throw error;
      }
      await pause();
    }
  }

  async until(leaseId: string, reached: (lease: LeaseJson) => boolean): Promise<LeaseJson> {
    for (;;) {
      const lease = await this.api.lease(leaseId).catch(() => null);
      if (lease && reached(lease)) return lease;
      await pause();
    }
  }

  /** The types of a lease's events, in their order. */
  async typesOf(lease: LeaseJson): Promise<string[]> {
    const events = await this.witness.events(lease.fence - 1);
    return events.filter(({ stream }) => stream === `lease-${lease.id}`).map(({ type }) => type);
  }

  private async start(role: Role): Promise<void> {
    this.running.set(role, await SteppedProcess.start({ ...this.settings, LEASEHOLD_ROLE: role }));
  }

  private processOf(role: Role): SteppedProcess {
    const process = this.running.get(role);
    if (!process) throw new Error(`There is no ${role}.`);
    return process;
  }

  private async untilNoJobs(): Promise<void> {
    const queue = new EffectQueue(this.database.connection, readConfig(this.settings), () => undefined);
    try {
      while ((await queue.size()) > 0) await pause();
    } finally {
      await queue.close();
    }
  }
}

/** Two dozen lives wait at a time. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 250));
}

class Refused extends Error {}
