import { accepted, refused, type Decision } from '../../event-sourcing/commands/decision.js';
import { deadlineOf, latestEndOf, noticeOf, runsCommands, secondsAfter, ttlEndOf, type Deadline } from './deadline.js';
import type { LeaseEvent } from './events.js';
import type { Lease, LeaseGrant, LeaseState } from './state.js';

type ActiveLease = Extract<Lease, { status: 'active' }>;
type Renewed = Extract<LeaseEvent, { type: 'LeaseRenewed' }>;

/** What is known of a lease's renewals besides the log: a row, which costs no event (decision 0036). Times are ISO 8601. */
export interface Liveness {
  /** Until when its time to live lets it live; null where it has none. */
  readonly renewedUntil: string | null;
  readonly lastUsedAt: string;
  readonly renewedBy: string;
}

/** What a renewal comes to: an event, or only its row. */
export type Renewal =
  { readonly kind: 'recorded'; readonly event: LeaseEvent } | { readonly kind: 'noted'; readonly liveness: Liveness };

/** An event is recorded where a deadline moves by this part of the time that it is away then. */
const PARTS = 3;

/**
 * Puts off the end of a lease; it never comes earlier than it was to.
 * @param ttlSeconds from now; null: its own
 */
export function renewLease(
  state: LeaseState,
  ttlSeconds: number | null,
  renewedBy: string,
  now: string,
): Decision<Renewal> {
  if (state === null) return refused('lease_not_found', 'There is no lease with this id.');
  if (state.endedAt !== null || state.status === 'releasing') return hasEnded(state);
  // Before it is active nothing counts down, but its caller is still there.
  if (state.status !== 'active') {
    return accepted({ kind: 'noted', liveness: { renewedUntil: null, lastUsedAt: now, renewedBy } });
  }
  const { terms, grant } = state;
  const asked = ttlSeconds ?? terms.ttlSeconds;
  const known = ttlEndOf(terms, grant);
  const until = asked === null ? known : putOff(known, earlier(secondsAfter(now, asked), latestEndOf(terms, grant)));
  const liveness = { renewedUntil: until, lastUsedAt: later(grant.lastUsedAt, now), renewedBy };
  const isFirst = grant.renewal === null && (until !== known || terms.idleTtlSeconds !== null);
  const isLonger = known !== null && until !== null && movesByPart(known, until, secondsBetween(now, until));
  const { idleTtlSeconds } = terms;
  const isLessIdle = idleTtlSeconds !== null && movesByPart(grant.lastUsedAt, liveness.lastUsedAt, idleTtlSeconds);
  if (isFirst || isLonger || isLessIdle) return accepted({ kind: 'recorded', event: renewedEvent(liveness) });
  return accepted({ kind: 'noted', liveness });
}

function hasEnded({ id, status, ending, endedAt }: Lease): Decision<never> {
  const reasonCode = ending?.reasonCode ?? null;
  const detail =
    endedAt === null
      ? `The lease is being released (${reasonCode}).`
      : `The lease ended as ${status} at ${endedAt} (${reasonCode}).`;
  return refused('lease_ended', detail, { leaseId: id, leaseStatus: status, reasonCode, endedAt });
}

/** What is due of a lease by itself. */
export type Due =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'told'; readonly event: LeaseEvent }
  | { readonly kind: 'over'; readonly deadline: Deadline };

const NOTHING_DUE: Due = { kind: 'nothing' };

/**
 * What is due of a lease by itself at `now`: its end, or an event before it. A renewal of which only the row knows is told
 * of in the place of either.
 * @param isSyncing its workspace is being moved
 * @param liveness null where there is no row
 */
export function dueOf(state: LeaseState, now: string, isSyncing: boolean, liveness: Liveness | null): Due {
  if (state?.status !== 'active') return NOTHING_DUE;
  const { terms, grant } = state;
  const inUse = isSyncing || runsCommands(state);
  const deadline = deadlineOf(terms, grant, inUse);
  if (deadline === null) return NOTHING_DUE;
  const isOver = deadline.at <= now;
  const notice = noticeOf(terms, grant, deadline);
  if (!isOver && (notice === null || notice > now)) return NOTHING_DUE;
  const untold = liveness && withLiveness(state, liveness);
  if (untold && (deadlineOf(terms, grantAfter(grant, untold), inUse)?.at ?? '') > deadline.at) {
    return { kind: 'told', event: renewedEvent(untold) };
  }
  if (isOver) return { kind: 'over', deadline };
  const { at, reasonCode } = deadline;
  return { kind: 'told', event: { type: 'LeaseExpiring', data: { deadline: at, reasonCode } } };
}

/** Whether a lease ends by idling next: whether its workspace is being moved matters only then. */
export function isIdleNext(state: LeaseState): boolean {
  if (state?.status !== 'active') return false;
  return deadlineOf(state.terms, state.grant, runsCommands(state))?.reasonCode === 'idle_ttl_elapsed';
}

function withLiveness({ terms, grant }: ActiveLease, { renewedUntil, lastUsedAt, renewedBy }: Liveness): Liveness {
  const known = ttlEndOf(terms, grant);
  return {
    renewedUntil: renewedUntil === null ? known : putOff(known, renewedUntil),
    lastUsedAt: later(grant.lastUsedAt, lastUsedAt),
    renewedBy,
  };
}

function grantAfter(grant: LeaseGrant, { renewedUntil: until, lastUsedAt, renewedBy: by }: Liveness): LeaseGrant {
  return { ...grant, renewal: { until, by }, lastUsedAt };
}

function renewedEvent({ renewedUntil: deadline, lastUsedAt, renewedBy }: Liveness): Renewed {
  return { type: 'LeaseRenewed', data: { deadline, lastUsedAt, renewedBy } };
}

/** No end at all stays so. */
function putOff(known: string | null, until: string): string | null {
  return known === null ? null : later(known, until);
}

function movesByPart(from: string, to: string, seconds: number): boolean {
  return to > from && secondsBetween(from, to) * PARTS >= seconds;
}

function secondsBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / 1000;
}

function later(one: string, other: string): string {
  return one > other ? one : other;
}

function earlier(one: string, other: string | null): string {
  return other === null || one < other ? one : other;
}
