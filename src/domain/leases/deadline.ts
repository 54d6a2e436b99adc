import type { Lease, LeaseGrant, LeaseTerms } from './state.js';
import type { DeadlineReason } from './lease-names.js';

export interface Deadline {
  /** ISO 8601. */
  readonly at: string;
  readonly reasonCode: DeadlineReason;
}

/**
 * When an active lease ends by itself, and by which of its limits: the earliest of them. Null when it has none. It counts
 * from the times that the log has recorded, so that it is the same for everybody and at every replay.
 * @param inUse work in the lease is under way: then its idle limit does not count
 */
export function deadlineOf(terms: LeaseTerms, grant: LeaseGrant, inUse: boolean): Deadline | null {
  const { lastUsedAt, expiresAt, renewal } = grant;
  const idleTtlSeconds = inUse ? null : terms.idleTtlSeconds;
  const ttlEnd = ttlEndOf(terms, grant);
  const latest = latestEndOf(terms, grant);
  const limits = [
    // Renewed as far as it may be: its maximum ends it then.
    { reasonCode: 'ttl_elapsed', at: renewal !== null && ttlEnd === latest ? null : ttlEnd },
    { reasonCode: 'max_ttl_elapsed', at: latest },
    { reasonCode: 'idle_ttl_elapsed', at: after(lastUsedAt, idleTtlSeconds) },
    { reasonCode: 'provider_ttl_elapsed', at: expiresAt },
  ] as const;
  let first: Deadline | null = null;
  for (const { reasonCode, at } of limits) {
    if (at !== null && (first === null || at < first.at)) first = { at, reasonCode };
  }
  return first;
}

/** Until when its time to live lets a lease live, as it was renewed last; null where it has none. */
export function ttlEndOf({ ttlSeconds }: LeaseTerms, { acquiredAt, renewal }: LeaseGrant): string | null {
  return renewal === null ? after(acquiredAt, ttlSeconds) : renewal.until;
}

/** When a lease ends however it is renewed; null: never. */
export function latestEndOf({ maxTtlSeconds }: LeaseTerms, { acquiredAt }: LeaseGrant): string | null {
  return after(acquiredAt, maxTtlSeconds);
}

const USUAL_NOTICE_SECONDS = 60;

/** For who has not said when to be told of the end: a minute before, or half of its shortest limit where that is less. */
export function usualNoticeSeconds(limits: readonly (number | null)[]): number {
  const halves = limits.flatMap((seconds) => (seconds === null ? [] : [Math.floor(seconds / 2)]));
  return Math.min(USUAL_NOTICE_SECONDS, ...halves);
}

/** When an event is to tell of a deadline; null where none is to, or one has. */
export function noticeOf(
  { expiryNoticeSeconds }: LeaseTerms,
  { notices }: LeaseGrant,
  { at }: Deadline,
): string | null {
  if (expiryNoticeSeconds === 0 || Object.values(notices).includes(at)) return null;
  return secondsAfter(at, -expiryNoticeSeconds);
}

/** When something is due of a lease by itself: the notice of its end, or the end. Null: nothing. */
export function dueAtOf(lease: Lease): string | null {
  if (lease.status !== 'active') return null;
  const deadline = deadlineOf(lease.terms, lease.grant, runsCommands(lease));
  return deadline && (noticeOf(lease.terms, lease.grant, deadline) ?? deadline.at);
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
