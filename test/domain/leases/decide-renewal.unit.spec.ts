import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { accepted, type Decision } from '../../../src/event-sourcing/commands/decision.js';
import { deadlineOf, dueAtOf, secondsAfter, usualNoticeSeconds } from '../../../src/domain/leases/deadline.js';
import { dueOf, renewLease, type Due, type Liveness, type Renewal } from '../../../src/domain/leases/decide-renewal.js';
import type { LeaseEvent } from '../../../src/domain/leases/events.js';
import { leaseJson } from '../../../src/domain/leases/lease-json.js';
import type { LeaseState, LeaseTerms } from '../../../src/domain/leases/state.js';
import { at } from '../../support/given-when-then.js';
import {
  ACTIVATED_AT,
  active,
  endRequested,
  executionFinished,
  executionStarted,
  expired,
  given,
  lease,
  LEASE,
  requested,
} from './lease-examples.js';

const BY = 'token:one';

type Decide = (state: LeaseState) => Decision<readonly LeaseEvent[]>;

/** The events that a renewal is; none where only the row of it is written. */
const renewing =
  (ttlSeconds: number | null, now: string): Decide =>
  (state) => {
    const decision = renewLease(state, ttlSeconds, BY, now);
    if (decision.kind === 'refused') return decision;
    return accepted(decision.facts.kind === 'recorded' ? [decision.facts.event] : []);
  };
const renewed = (deadline: string | null, lastUsedAt: string, renewedBy = BY): LeaseEvent => ({
  type: 'LeaseRenewed',
  data: { deadline, lastUsedAt, renewedBy },
});
const expiring = (deadline: string, reasonCode: 'ttl_elapsed' | 'idle_ttl_elapsed' = 'ttl_elapsed'): LeaseEvent => ({
  type: 'LeaseExpiring',
  data: { deadline, reasonCode },
});
const row = (renewedUntil: string | null, lastUsedAt: string): Liveness => ({
  renewedUntil,
  lastUsedAt,
  renewedBy: BY,
});
const being = (
  now: string,
  { isSyncing = false, liveness = null }: { isSyncing?: boolean; liveness?: Liveness | null } = {},
): Decide => {
  return (state) => {
    const due = dueOf(state, now, isSyncing, liveness);
    return accepted(due.kind === 'told' ? [due.event] : []);
  };
};
const outcome = (decision: Decision<Renewal>): Renewal => {
  if (decision.kind === 'refused') throw new Error(decision.detail);
  return decision.facts;
};

// They are active from at(1) on.
const MINUTE = active({ ttlSeconds: 60 });

describe('a renewal', () => {
  it('puts the end off by the lease’s own time from now, or by what is asked for', () => {
    given(MINUTE)
      .when(renewing(null, at(31)))
      .then([renewed(at(91), at(31))]);
    given(MINUTE)
      .when(renewing(600, at(31)))
      .then([renewed(at(631), at(31))]);
  });

  it('never makes the end come earlier', () => {
    given(MINUTE)
      .when(renewing(5, at(31)))
      .then([]);
    const long = [...MINUTE, renewed(at(1000), at(2))];
    given(long)
      .when(renewing(null, at(500)))
      .then([]);
  });

  it('never goes beyond the maximum, which is then what the lease ends by', () => {
    const { state } = given(active({ ttlSeconds: 60, maxTtlSeconds: 100 }))
      .when(renewing(600, at(31)))
      .then([renewed(at(101), at(31))]);
    expect(state && deadlineOf(state.terms, state.grant as never, false)).toEqual({
      at: at(101),
      reasonCode: 'max_ttl_elapsed',
    });
  });

  it('is an event where the end moves by a third of what is asked for, and the first that moves it; else only a row', () => {
    const once = [...MINUTE, renewed(at(91), at(31))];
    given(MINUTE)
      .when(renewing(null, at(2)))
      .then([renewed(at(62), at(2))]);
    given(once)
      .when(renewing(null, at(50.999)))
      .then([])
      .when(renewing(null, at(51)))
      .then([renewed(at(111), at(51))]);
    expect(outcome(renewLease(lease(once), null, BY, at(50)))).toEqual({
      kind: 'noted',
      liveness: row(at(110), at(50)),
    });
  });

  it('counts as use: the idle end is put off, and is told of by thirds too', () => {
    const idle = active({ idleTtlSeconds: 30 });
    const { state } = given(idle)
      .when(renewing(null, at(5)))
      .then([renewed(null, at(5))]);
    expect(state && leaseJson(state)).toMatchObject({ lastUsedAt: at(5), expiresAt: at(35) });
    given([...idle, renewed(null, at(5))])
      .when(renewing(null, at(14)))
      .then([])
      .when(renewing(null, at(15)))
      .then([renewed(null, at(15))]);
  });

  it('of a lease without an end puts nothing off, whatever is asked for', () => {
    given(active())
      .when(renewing(null, at(5)))
      .then([])
      .when(renewing(60, at(5)))
      .then([]);
    expect(outcome(renewLease(lease(active()), 60, BY, at(5)))).toEqual({ kind: 'noted', liveness: row(null, at(5)) });
  });

  it('before the lease is active says that its caller is there, no more', () => {
    const queued = [requested({ ttlSeconds: 60 })];
    given(queued)
      .when(renewing(null, at(5)))
      .then([]);
    expect(outcome(renewLease(lease(queued), null, BY, at(5)))).toEqual({ kind: 'noted', liveness: row(null, at(5)) });
  });

  const over = endRequested({ outcome: 'expired', reasonCode: 'ttl_elapsed', deadline: at(61) });

  it('of a lease that has ended, or is ending, is refused with how and when', () => {
    given([...MINUTE, over, expired])
      .when(renewing(null, at(90)))
      .then({
        refused: 'lease_ended',
        ...{ leaseId: LEASE, leaseStatus: 'expired', reasonCode: 'ttl_elapsed', endedAt: at(3) },
      });
    given([...MINUTE, endRequested()])
      .when(renewing(null, at(30)))
      .then({
        refused: 'lease_ended',
        ...{ leaseId: LEASE, leaseStatus: 'releasing', reasonCode: 'released_by_caller', endedAt: null },
      });
    given([])
      .when(renewing(null, at(1)))
      .then({ refused: 'lease_not_found' });
  });
});

describe('the notice of an end', () => {
  const told = active({ ttlSeconds: 60, expiryNoticeSeconds: 10 });

  it('comes so long before it, once for each deadline', () => {
    given(told)
      .when(being(at(50.999)))
      .then([])
      .when(being(at(51)))
      .then([expiring(at(61))])
      .again.then([]);
    given([...told, expiring(at(61)), renewed(at(91), at(55))])
      .when(being(at(80)))
      .then([])
      .when(being(at(81)))
      .then([expiring(at(91))]);
  });

  it('does not come where none was asked for', () => {
    given(MINUTE)
      .when(being(at(60)))
      .then([]);
  });

  it('does not come of an idle end while the lease is in use', () => {
    const idle = active({ idleTtlSeconds: 30, expiryNoticeSeconds: 10 });
    given(idle)
      .when(being(at(25), { isSyncing: true }))
      .then([])
      .when(being(at(25)))
      .then([expiring(at(31), 'idle_ttl_elapsed')]);
    given([...idle, executionStarted()])
      .when(being(at(50)))
      .then([]);
    // Used at at(3), when the command ended.
    given([...idle, executionStarted(), executionFinished()])
      .when(being(at(23)))
      .then([expiring(at(33), 'idle_ttl_elapsed')]);
  });

  it('comes once of a deadline although another was nearer meanwhile', () => {
    const both = active({ ttlSeconds: 60, idleTtlSeconds: 40, expiryNoticeSeconds: 30 });
    given([...both, executionStarted(), expiring(at(61))])
      .when(being(at(40)))
      .then([]);
    given([...both, executionStarted(), expiring(at(61)), executionFinished(), expiring(at(44), 'idle_ttl_elapsed')])
      .when(being(at(40)))
      .then([])
      .when(being(at(40), { isSyncing: true }))
      .then([]);
  });

  it('gives way to a renewal of which only the row knows', () => {
    given([...told, renewed(at(62), at(2))])
      .when(being(at(55), { liveness: row(at(80), at(20)) }))
      .then([renewed(at(80), at(20))])
      .when(being(at(55)))
      .then([]);
  });

  it('is a minute where nothing is said, or half of the shortest limit', () => {
    expect([[], [null, 3600], [120], [null, 100, 30], [1]].map(usualNoticeSeconds)).toEqual([60, 60, 60, 15, 0]);
  });

  it('is what is due next, then the end', () => {
    const next = (events: readonly LeaseEvent[]): string | null => dueAtOf(lease(events));
    expect([next(told), next([...told, expiring(at(61))]), next(MINUTE), next(active())]).toEqual([
      ...[at(51), at(61), at(61), null],
    ]);
    expect(next([...told, endRequested()])).toBeNull();
  });
});

describe('an end that is due', () => {
  const kindAt = (events: readonly LeaseEvent[], now: string, liveness: Liveness | null): Due['kind'] =>
    dueOf(lease(events), now, false, liveness).kind;
  const once = [...MINUTE, renewed(at(62), at(2))];

  it('comes where the row says no more than the log', () => {
    expect(kindAt(once, at(62), null)).toBe('over');
    expect(kindAt(once, at(62), row(at(62), at(2)))).toBe('over');
    expect(kindAt(once, at(62), row(at(50), at(70)))).toBe('over');
    expect(kindAt(once, at(61), row(at(50), at(50)))).toBe('nothing');
  });

  it('gives way to what the row says beyond', () => {
    given(once)
      .when(being(at(62), { liveness: row(at(80), at(20)) }))
      .then([renewed(at(80), at(20))]);
    const idle = [...active({ idleTtlSeconds: 30 }), renewed(null, at(2))];
    given(idle)
      .when(being(at(40), { liveness: row(null, at(11)) }))
      .then([renewed(null, at(11))]);
  });

  it('by another limit comes whatever was renewed', () => {
    const events = [...active({ ttlSeconds: 60, maxTtlSeconds: 70 }), renewed(at(71), at(20))];
    expect(kindAt(events, at(71), row(at(71), at(60)))).toBe('over');
  });
});

describe('whatever is renewed, for however long', () => {
  const limit = fc.option(fc.integer({ min: 1, max: 100 }), { nil: null });
  const limits = fc.record({ ttlSeconds: limit, idleTtlSeconds: limit, maxTtlSeconds: limit });
  const asked = fc.array(fc.record({ ttlSeconds: limit, after: fc.integer({ min: 0, max: 40 }) }), { maxLength: 30 });

  interface Seen {
    readonly state: LeaseState;
    readonly row: Liveness | null;
    readonly now: string;
    readonly ttlSeconds: number | null;
  }

  /** Renews while the lease lives, as the service does: by events, or by the row. */
  function renewals(terms: Partial<LeaseTerms>, asks: readonly { ttlSeconds: number | null; after: number }[]): Seen[] {
    let events: LeaseEvent[] = active(terms);
    let liveness: Liveness | null = null;
    let seconds = 1;
    const seen: Seen[] = [{ state: lease(events), row: null, now: ACTIVATED_AT, ttlSeconds: null }];
    for (const { ttlSeconds, after } of asks) {
      seconds += after;
      const renewal = outcome(renewLease(lease(events), ttlSeconds, BY, at(seconds)));
      if (renewal.kind === 'recorded') events = [...events, renewal.event];
      else liveness = renewal.liveness;
      seen.push({ state: lease(events), row: liveness, now: at(seconds), ttlSeconds });
    }
    return seen;
  }

  const ends = ({ state }: Seen): string | null => (state === null ? null : leaseJson(state).expiresAt);

  it('the end that readers see only moves on, and never beyond the maximum', () => {
    fc.assert(
      fc.property(limits, asked, (terms, asks) => {
        const all = renewals(terms, asks).map(ends);
        const latest = terms.maxTtlSeconds === null ? null : at(1 + terms.maxTtlSeconds);
        all.reduce((before, end) => {
          expect(end === null).toBe(before === null);
          if (end !== null && before !== null) expect(end >= before).toBe(true);
          if (end !== null && latest !== null) expect(end <= latest).toBe(true);
          return end;
        });
      }),
    );
  });

  it('the lease does not end before, and before two thirds of what was asked for have passed only by another limit', () => {
    fc.assert(
      fc.property(limits, asked, (terms, asks) => {
        for (const seen of renewals(terms, asks)) {
          const { state, now, ttlSeconds } = seen;
          const end = ends(seen);
          if (state?.status !== 'active' || end === null) continue;
          const before = new Date(Date.parse(end) - 1).toISOString();
          expect(dueOf(state, before, false, seen.row).kind).not.toBe('over');
          const deadline = deadlineOf(state.terms, state.grant, false);
          const asked = Date.parse(now) + (ttlSeconds ?? terms.ttlSeconds ?? 0) * 1000;
          const latest = terms.maxTtlSeconds === null ? Infinity : Date.parse(at(1 + terms.maxTtlSeconds));
          if (deadline?.reasonCode !== 'ttl_elapsed' || latest <= Date.parse(now)) continue;
          const wanted = Date.parse(now) + ((Math.min(asked, latest) - Date.parse(now)) * 2) / 3;
          expect(Date.parse(end)).toBeGreaterThanOrEqual(Math.floor(wanted));
        }
      }),
    );
  });

  it('the lease ends no earlier than any renewal by the row has said', () => {
    fc.assert(
      fc.property(limits, asked, (terms, asks) => {
        const { state, row: noted } = renewals(terms, asks).at(-1) ?? { state: null, row: null };
        if (state?.status !== 'active' || noted === null || state.grant.renewal === null) return;
        const due = dueOf(state, at(100_000), false, noted);
        const known = deadlineOf(state.terms, state.grant, false);
        const moved = state.grant.renewal.until ?? '';
        if (due.kind !== 'over' || known?.reasonCode !== 'ttl_elapsed') return;
        // At the same moment it has also been idle for too long.
        const { idleTtlSeconds } = state.terms;
        if (idleTtlSeconds !== null && secondsAfter(state.grant.lastUsedAt, idleTtlSeconds) <= known.at) return;
        expect(moved >= (noted.renewedUntil ?? '')).toBe(true);
      }),
    );
  });
});
