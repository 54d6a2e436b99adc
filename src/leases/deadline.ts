import type { LeaseGrant, LeaseTerms } from './state.js';
import type { ReasonCode } from './lease-names.js';

export interface Deadline {
  /** ISO 8601. */
  readonly at: string;
  readonly reasonCode: Extract<ReasonCode, 'ttl_elapsed' | 'idle_ttl_elapsed' | 'max_ttl_elapsed'>;
}

/** When an active lease ends by itself, and by which of its limits: the earliest of them. Null when it has none. */
export function deadlineOf(terms: LeaseTerms, grant: LeaseGrant): Deadline | null {
  const deadlines: Deadline[] = [];
  if (grant.expiresAt !== null) {
    const byMax = terms.maxTtlSeconds !== null && (terms.ttlSeconds === null || terms.maxTtlSeconds < terms.ttlSeconds);
    deadlines.push({ at: grant.expiresAt, reasonCode: byMax ? 'max_ttl_elapsed' : 'ttl_elapsed' });
  }
  if (terms.idleTtlSeconds !== null) {
    deadlines.push({ at: secondsAfter(grant.lastUsedAt, terms.idleTtlSeconds), reasonCode: 'idle_ttl_elapsed' });
  }
  return deadlines.reduce<Deadline | null>(
    (first, next) => (first === null || next.at < first.at ? next : first),
    null,
  );
}

/** ISO 8601 time that many seconds after another. */
export function secondsAfter(time: string, seconds: number): string {
  return new Date(Date.parse(time) + seconds * 1000).toISOString();
}
