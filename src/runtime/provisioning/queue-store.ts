import {
  Queue,
  Worker,
  type Job,
  type JobProgress,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
} from 'bullmq';
import type { Config } from '../../platform/config/config.js';
import { sharesOf } from '../../platform/database/shares.js';
import type { PostgresConfig } from '../../event-sourcing/postgres/index.js';
import { queueBackend, queueConnection } from './queue-postgres.js';

/** The queue carries only the intent's id; the rest is in the log. */
export interface EffectData {
  readonly leaseId: string;
}

/** Of the queue. */
const NAME = 'effects';
const RECONNECT_MS = 1_000;
/** A server that has taken a command and says nothing is away too. */
const COMMAND_MS = 10_000;

type RedisQueue = Queue<EffectData, void, string, EffectData, void, string>;
type PostgresQueue = Queue<
  EffectData,
  void,
  string,
  EffectData,
  void,
  string,
  PostgresQueueBackend,
  PostgresConnectionOptions
>;
type PostgresWorker = Worker<EffectData, void, string, PostgresQueueBackend, JobProgress, PostgresConnectionOptions>;
type OnError = (error: Error) => void;

/** What both of BullMQ's are used for. */
export type Jobs = Pick<RedisQueue, 'add' | 'addBulk' | 'getJobCountByTypes' | 'waitUntilReady' | 'close'>;
export type Fetcher = Pick<
  Worker<EffectData, void>,
  'getNextJob' | 'extendJobLocks' | 'startStalledCheckTimer' | 'waitUntilReady' | 'close'
> & {
  /** Ends a wait for a job, for good. */
  interrupt(): Promise<void>;
};
export type FetchedJob = Job<EffectData, void>;

/** Where BullMQ keeps the queue, and the one place that knows which of the two it is. */
export interface QueueStore {
  readonly kind: 'Redis' | 'Postgres';
  queue(onError: OnError): Jobs;
  /** Takes jobs as it is asked to, and no others: BullMQ's own loop turns without a pause on what is no connection's error. */
  fetcher(onError: OnError): Fetcher;
}

export function queueStoreOf(client: PostgresConfig, config: Config): QueueStore {
  const { redisUrl, queuePrefix: prefix, workerLockMs } = config;
  const fetching = {
    autorun: false,
    lockDuration: workerLockMs,
    stalledInterval: workerLockMs / 2,
    // However often its worker dies: the log says when it is enough.
    maxStalledCount: 1_000_000,
  };
  if (redisUrl !== null) {
    const patient = { url: redisUrl, maxRetriesPerRequest: null, retryStrategy: () => RECONNECT_MS };
    const failFast = { ...patient, enableOfflineQueue: false, commandTimeout: COMMAND_MS };
    return {
      kind: 'Redis',
      queue: (onError) => {
        const queue: RedisQueue = new Queue(NAME, { connection: failFast, prefix });
        return queue.on('error', onError);
      },
      fetcher: (onError) => {
        const worker = new Worker<EffectData, void>(NAME, null, { connection: patient, prefix, ...fetching });
        return Object.assign(worker.on('error', onError), {
          interrupt: () => worker.getBackend().disconnectBlocking(false),
        });
      },
    };
  }
  const connection = queueConnection(client, sharesOf(config).queue);
  return {
    kind: 'Postgres',
    queue: (onError) => {
      const queue: PostgresQueue = new Queue(NAME, { connection }, queueBackend);
      return queue.on('error', onError);
    },
    fetcher: (onError) => {
      const worker: PostgresWorker = new Worker(NAME, null, { connection, ...fetching }, queueBackend);
      return Object.assign(worker.on('error', onError), {
        interrupt: () => worker.getBackend().disconnectBlocking(),
      });
    },
  };
}
