import { ConfigError, type Config } from '../../platform/config/config.js';
import { newId } from '../../event-sourcing/ids/new-id.js';
import type { Lease } from '../../domain/leases/state.js';
import type { PostgresConfig } from '../../event-sourcing/postgres/index.js';
import { EffectJobs } from './effect-jobs.js';
import { queueStoreOf, type Jobs, type QueueStore } from './queue-store.js';
import { Reopened } from './reopened.js';

const READY_MS = 5_000;
/** Making BullMQ's tables takes its time. */
const START_MS = 30_000;
const START_OF_REDIS_MS = 2_000;
const START_ATTEMPTS = 3;
/** Asked for more often than this, the last answer is given again. */
const CHECKED_MS = 1_000;
const CHECK_READY_MS = 1_500;
/** The name of jobs that are added only to check the queue. The delay keeps workers from taking one before it is removed. */
const PROBE = 'probe';
const PROBE_DELAY_MS = 60_000;

/**
 * The BullMQ queue of effects: on Redis when there is one, on BullMQ's Postgres backend in the service's own database
 * else. A job's id is its effect's id, so that an effect is in the queue once however often it is offered. What the
 * queue forgets is offered again by the sweep. Its order is that of arrival: who is next is said where it is taken from.
 */
export class EffectQueue {
  private readonly store: QueueStore;
  private readonly queue: Reopened<Jobs>;
  private readonly lockMs: number;
  private checked: { readonly at: number; readonly outcome: Promise<void> } | null = null;

  constructor(
    client: PostgresConfig,
    config: Config,
    private readonly onError: (error: Error) => void,
  ) {
    this.store = queueStoreOf(client, config);
    this.queue = new Reopened((listener) => this.store.queue(listener), onError);
    this.lockMs = config.workerLockMs;
  }

  /**
   * In Postgres it must work from the start, for the database does. A Redis that is away may come later: until then nothing is
   * ready, and what is pending waits in the log.
   * @throws ConfigError
   */
  async start(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.add(this.store.kind === 'Redis' ? START_OF_REDIS_MS : START_MS);
        return;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (this.store.kind === 'Redis') {
          this.onError(new Error(reason));
          return;
        }
        if (attempt < START_ATTEMPTS) continue;
        throw new ConfigError(
          `The queue's tables in the schema "bull" of the database cannot be made or used: ${reason}.\n` +
            'Give the account what is missing (CREATE on the database makes the schema), or set REDIS_URL.',
        );
      }
    }
  }

  /** Offers the pending effects of leases. */
  async offer(leases: readonly Lease[]): Promise<void> {
    const jobs = leases.flatMap(({ id: leaseId, effect }) => {
      if (effect === null) return [];
      const { effectId: jobId, dueAt, kind } = effect;
      const delay = dueAt === null ? 0 : Math.max(0, Date.parse(dueAt) - Date.now());
      const opts = { jobId, delay, removeOnComplete: true, removeOnFail: true };
      return [{ name: kind, data: { leaseId }, opts }];
    });
    if (jobs.length > 0) await (await this.queue.get(READY_MS)).addBulk(jobs);
  }

  /** Jobs that wait, are under way or are delayed. */
  async size(): Promise<number> {
    const queue = await this.queue.get(READY_MS);
    return queue.getJobCountByTypes('wait', 'active', 'delayed', 'prioritized');
  }

  /** Whether it takes jobs, which is found out by adding one. @throws the reason why it does not */
  check(): Promise<void> {
    const now = performance.now();
    if (this.checked === null || now - this.checked.at > CHECKED_MS) {
      this.checked = { at: now, outcome: this.add(CHECK_READY_MS) };
    }
    return this.checked.outcome;
  }

  /** @param onError hears of what goes wrong besides, as often as it does */
  jobs(onError: (error: Error) => void): EffectJobs {
    return new EffectJobs(this.store, this.lockMs, onError);
  }

  close(): Promise<void> {
    return this.queue.close();
  }

  private async add(withinMs: number): Promise<void> {
    const opts = { jobId: `${PROBE}-${newId()}`, delay: PROBE_DELAY_MS, removeOnComplete: true, removeOnFail: true };
    try {
      const queue = await this.queue.get(withinMs);
      const job = await queue.add(PROBE, { leaseId: '' }, opts);
      await job.remove();
    } catch (error) {
      // The client says no more than that it has no connection.
      const isUnconnected = error instanceof Error && error.message.includes('enableOfflineQueue');
      throw isUnconnected ? (this.queue.lastError ?? new Error('It has no connection.')) : error;
    }
  }
}
