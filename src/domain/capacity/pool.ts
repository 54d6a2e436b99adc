import type { PoolPolicy } from './policy.js';

/*
 * What is known of a pool of slots, from recorded events alone. Times are milliseconds since 1970 as the log recorded
 * them; targets and credits count in thousandths of a slot, so that all arithmetic is in whole numbers and a replay
 * decides the same.
 */

/** One slot. */
export const SLOT = 1_000;

/** A lease that waits for a slot. */
export interface Request {
  readonly leaseId: string;
  readonly companyId: string;
  readonly environmentId: string;
  readonly priority: number;
  readonly queuedAt: number;
  /** Its order among those that were queued at the same time: the log position. */
  readonly position: number;
  /** How long it keeps a slot at the most, in milliseconds. */
  readonly longestHold: number;
  /** How long it was expected to wait when it was queued, in milliseconds; null where that is not known. */
  readonly expectedWait: number | null;
}

/** A lease that has a slot. */
export interface Hold {
  readonly leaseId: string;
  readonly companyId: string;
  readonly environmentId: string;
  readonly admittedAt: number;
  /** When it ends at the latest. */
  readonly endsAt: number;
}

export interface Company {
  readonly holds: ReadonlyMap<string, Hold>;
  /** By environment: its requests, the next one first. */
  readonly lines: ReadonlyMap<string, readonly Request[]>;
  /** How many of its requests could be given a slot if there was one. */
  readonly eligible: number;
  /** What it should hold now. */
  readonly target: number;
  /** What it was given too little (or too much, below 0) since it waits: thousandths of a slot, times milliseconds. */
  readonly credit: number;
  /** Since when it has waited below its target without being given a slot; null: it does not. */
  readonly belowSince: number | null;
  /** When it came or was given a slot last, counted in such events of the pool: the smallest has waited longest. */
  readonly turn: number;
}

export interface Environment {
  /** Slots of the pool that it may take; null: as many as there are. */
  readonly maxLeases: number | null;
  /** False while it takes no new leases: it is cordoned, archived or deleted. */
  readonly isOpen: boolean;
  readonly held: number;
}

export const UNLIMITED: Environment = { maxLeases: null, isOpen: true, held: 0 };

export interface Pool {
  readonly policy: PoolPolicy;
  /** Up to when credits are counted. */
  readonly at: number;
  /** Those that wait or hold. */
  readonly companies: ReadonlyMap<string, Company>;
  readonly held: number;
  /** Those that hold slots, have a limit of their own, or are closed. */
  readonly environments: ReadonlyMap<string, Environment>;
  /** By company id: slots that its quota still leaves it, in whatever pool. Those without a quota are not here. */
  readonly quotasLeft: ReadonlyMap<string, number>;
  readonly turns: number;
  /** How long the last ended leases kept their slots, in milliseconds, the newest last. */
  readonly pastHolds: readonly number[];
  /** Of the last admitted leases: how long they waited, as a percentage of what was expected. */
  readonly pastWaits: readonly number[];
}

export function emptyPool(policy: PoolPolicy): Pool {
  return {
    policy,
    at: 0,
    companies: new Map(),
    held: 0,
    environments: new Map(),
    quotasLeft: new Map(),
    turns: 0,
    pastHolds: [],
    pastWaits: [],
  };
}

/** Slots that a company's quota leaves it. */
export function quotaLeftOf({ quotasLeft }: Pool, companyId: string): number {
  return Math.max(0, quotasLeft.get(companyId) ?? Infinity);
}

/** Whether an environment would let one more lease in, if the pool has a slot. */
export function takesOneMore(pool: Pool, environmentId: string): boolean {
  const { maxLeases, isOpen, held } = pool.environments.get(environmentId) ?? UNLIMITED;
  return isOpen && (maxLeases === null || held < maxLeases);
}

/** The request that a company would have served next; null: none could be. */
export function headOf(pool: Pool, companyId: string, company: Company): Request | null {
  if (quotaLeftOf(pool, companyId) <= 0) return null;
  let head: Request | null = null;
  for (const [environmentId, [first]] of company.lines) {
    if (first === undefined || !takesOneMore(pool, environmentId)) continue;
    if (head === null || goesBefore(first, head, pool.policy)) head = first;
  }
  return head;
}

/**
 * Inside a company: priority, then age; who has waited for `ageingSeconds` counts as one of the next higher priority. Said
 * without a clock: each step of priority is worth so much of waiting.
 */
export function goesBefore(one: Request, other: Request, { ageingSeconds }: PoolPolicy): boolean {
  const rank = ({ queuedAt, priority }: Request): number => queuedAt - priority * ageingSeconds * 1_000;
  return rank(one) === rank(other) ? one.position < other.position : rank(one) < rank(other);
}
