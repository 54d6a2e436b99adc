import {
  Queue,
  Worker,
  type Job,
  type JobProgress,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
} from 'bullmq';
import type { Config } from '../config/config.js';
import { sharesOf } from '../database/shares.js';
import type { Lease } from '../leases/state.js';
import type { PostgresConfig } from '../postgres/index.js';
import { queueBackend, queueConnection } from './queue-postgres.js';

/** The queue carries only the intent's id; the rest is in the log. */
export interface EffectJob {
  readonly leaseId: string;
}

/** Of the jobs' name and of the queue. */
const NAME = 'effects';
const HIGHEST_PRIORITY = 101;

/**
 * The BullMQ queue of effects: on Redis when there is one, on BullMQ's Postgres backend in the service's own database
 * else. A job's id is its effect's id, so that an effect is in the queue once however often it is offered. What the
 * queue forgets is offered again by the sweep.
 */
export class EffectQueue {
  private readonly queue: Jobs;
  private readonly backend: Backend;
  private readonly lockMs: number;

  constructor(client: PostgresConfig, config: Config, onError: (error: Error) => void) {
    this.backend = backendOf(client, config);
    this.lockMs = config.workerLockMs;
    this.queue = this.backend.queue(onError);
  }

  /** Offers the pending effects of leases. */
  async offer(leases: readonly Lease[]): Promise<void> {
    const jobs = leases.flatMap(({ id: leaseId, effect, terms }) => {
      if (effect === null) return [];
      const { effectId: jobId, dueAt, kind } = effect;
      const delay = dueAt === null ? 0 : Math.max(0, Date.parse(dueAt) - Date.now());
      // What is taken back makes room for what is asked for.
      const priority = kind === 'cleanup' ? 1 : HIGHEST_PRIORITY - terms.priority;
      const opts = { jobId, delay, priority, removeOnComplete: true, removeOnFail: true };
      return [{ name: kind, data: { leaseId }, opts }];
    });
    if (jobs.length > 0) await this.queue.addBulk(jobs);
  }

  /** Jobs that wait, are under way or are delayed. */
  size(): Promise<number> {
    return this.queue.getJobCountByTypes('wait', 'active', 'delayed', 'prioritized');
  }

  /** Does jobs until the worker is closed; `onFailure` hears of what went wrong besides. */
  work(concurrency: number, process: Process, onFailure: (error: Error) => void): { close(): Promise<void> } {
    return this.backend.worker(process, onFailure, {
      concurrency,
      lockDuration: this.lockMs,
      stalledInterval: this.lockMs / 2,
      // Where the queue's server takes no connections. BullMQ's own is 15 seconds.
      runRetryDelay: 1_000,
      // However often its worker dies: the log says when it is enough.
      maxStalledCount: 1_000_000,
    });
  }

  close(): Promise<void> {
    return this.queue.close();
  }
}

interface WorkerSettings {
  readonly concurrency: number;
  readonly lockDuration: number;
  readonly stalledInterval: number;
  readonly runRetryDelay: number;
  readonly maxStalledCount: number;
}

type Process = (job: Job<EffectJob>, token?: string) => Promise<void>;
type RedisQueue = Queue<EffectJob, void, string, EffectJob, void, string>;
type PostgresQueue = Queue<
  EffectJob,
  void,
  string,
  EffectJob,
  void,
  string,
  PostgresQueueBackend,
  PostgresConnectionOptions
>;
type PostgresWorker = Worker<EffectJob, void, string, PostgresQueueBackend, JobProgress, PostgresConnectionOptions>;
type OnFailure = (error: Error) => void;
type Jobs = Pick<RedisQueue, 'addBulk' | 'getJobCountByTypes' | 'close'>;

/** The one place that knows which of the two it is. */
interface Backend {
  queue(onError: OnFailure): Jobs;
  worker(process: Process, onFailure: OnFailure, settings: WorkerSettings): { close(): Promise<void> };
}

function backendOf(client: PostgresConfig, config: Config): Backend {
  const { redisUrl, queuePrefix: prefix } = config;
  if (redisUrl !== null) {
    const connection = { url: redisUrl, maxRetriesPerRequest: null };
    const failFast = { url: redisUrl, enableOfflineQueue: false };
    return {
      queue: (onError) => {
        const queue: RedisQueue = new Queue(NAME, { connection: failFast, prefix });
        return queue.on('error', onError);
      },
      worker: (process, onFailure, settings) =>
        new Worker<EffectJob, void>(NAME, process, { connection, prefix, ...settings })
          .on('error', onFailure)
          .on('failed', (_job, error) => onFailure(error)),
    };
  }
  const connection = queueConnection(client, sharesOf(config).queue);
  return {
    queue: (onError) => {
      const queue: PostgresQueue = new Queue(NAME, { connection }, queueBackend);
      return queue.on('error', onError);
    },
    worker: (process, onFailure, settings) => {
      const worker: PostgresWorker = new Worker(NAME, process, { connection, ...settings }, queueBackend);
      return worker.on('error', onFailure).on('failed', (_job, error) => onFailure(error));
    },
  };
}
