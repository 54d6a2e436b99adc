import type { Config } from '../config/config.js';

/** How many connections each part of a process opens at most. */
export interface Shares {
  readonly log: number;
  readonly reads: number;
  /** Each of the queue's two sides; 0 where the queue is not in this database. */
  readonly queue: number;
}

/** The appends' two, and one each to listen, to own subscriptions and to send webhooks. */
const FIXED = 5;
/** Beside its pools, the queue listens. */
const QUEUE_LISTENS = 1;
const FEW = 30;

export function sharesOf({ databaseConnections, redisUrl }: Config): Shares {
  const queue = redisUrl !== null ? 0 : databaseConnections < FEW ? 2 : 4;
  const left = databaseConnections - FIXED - (queue > 0 ? 2 * queue + QUEUE_LISTENS : 0);
  const reads = Math.floor(left / 2);
  return { queue, reads, log: left - reads };
}
