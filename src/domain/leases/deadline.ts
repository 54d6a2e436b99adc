import type { Lease, LeaseGrant, LeaseTerms } from './state.js';
import type { ReasonCode } from './lease-names.js';

export interface Deadline {
  /** ISO 8601. */
  readonly at: string;
  readonly reasonCode: Extract<
    ReasonCode,
    'ttl_elapsed' | 'idle_ttl_elapsed' | 'max_ttl_elapsed' | 'provider_ttl_elapsed'
  >;
}

/**
 * When an active lease ends by itself, and by which of its limits: the earliest of them. Null when it has none. It counts
 * from the times that the log has recorded, so that it is the same for everybody and at every replay.
 * @param inUse work in the lease is under way: then its idle limit does not count
 */
export function deadlineOf(terms: LeaseTerms, grant: LeaseGrant, inUse: boolean): Deadline | null {
  const { acquiredAt, lastUsedAt, expiresAt } = grant;
  const idleTtlSeconds = inUse ? null : terms.idleTtlSeconds;
  const limits = [
    { reasonCode: 'ttl_elapsed', at: after(acquiredAt, terms.ttlSeconds) },
    { reasonCode: 'max_ttl_elapsed', at: after(acquiredAt, terms.maxTtlSeconds) },
    { reasonCode: 'idle_ttl_elapsed', at: after(lastUsedAt, idleTtlSeconds) },
    { reasonCode: 'provider_ttl_elapsed', at: expiresAt },
  ] as const;
  let first: Deadline | null = null;
  for (const { reasonCode, at } of limits) {
    if (at !== null && (first === null || at < first.at)) first = { at, reasonCode };
  }
  return first;
}

function after(time: string, seconds: number | null): string | null {
  return seconds === null ? null : secondsAfter(time, seconds);
}

/** Whether commands run in the lease, as far as the log knows. */
export function runsCommands({ executions }: Pick<Lease, 'executions'>): boolean {
  return Object.keys(executions).length > 0;
}

/** ISO 8601 time that many seconds after another. */
export function secondsAfter(time: string, seconds: number): string {
  return new Date(Date.parse(time) + seconds * 1000).toISOString();
}
