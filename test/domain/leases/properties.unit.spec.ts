import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { accepted, type Decision } from '../../../src/event-sourcing/commands/decision.js';
import type { Recorded } from '../../../src/event-sourcing/event-log/events.js';
import { acquireLease, expireLease, releaseLease } from '../../../src/domain/leases/decide.js';
import { renewLease } from '../../../src/domain/leases/decide-renewal.js';
import { leaseStream, type LeaseEvent } from '../../../src/domain/leases/events.js';
import { leaseJson } from '../../../src/domain/leases/lease-json.js';
import { CLEANUP_STATUSES, LEASE_STATUSES, REASON_CODES } from '../../../src/domain/leases/lease-names.js';
import { evolveLease } from '../../../src/domain/leases/evolve.js';
import { initialLease, type Lease, type LeaseState } from '../../../src/domain/leases/state.js';
import { schemaProblems } from '../../frozen-events/schema-problems.js';
import { deepFreeze, Recorder } from '../../support/given-when-then.js';
import { LEASES, leaseCommands, type LeaseCommand } from './lease-arbitraries.js';
import { leaseSubject } from './lease-examples.js';

/** Every field of a lease in JSON that callers were promised. */
const FIELDS =
  `id companyId environmentId executionWorkspaceId issueId heartbeatRunId status leasePolicy provider providerLeaseId
  acquiredAt lastUsedAt expiresAt releasedAt failureReason cleanupStatus metadata createdAt updatedAt
  agentId fence reasonCode lastFailure inDoubtUntil keptUntil expiryNoticeSeconds reusedLeaseId reuseRejected version position`.split(
    /\s+/,
  );

const NOTHING_SHARED = { reuse: null, rejections: [], takenOver: null };
const ENDED = ['released', 'expired', 'failed', 'retained'];

interface Step {
  readonly command: LeaseCommand;
  readonly before: LeaseState;
  readonly decision: Decision<readonly LeaseEvent[]>;
  readonly events: readonly Recorded<LeaseEvent>[];
  readonly after: LeaseState;
}

function decide(command: LeaseCommand, state: LeaseState): Decision<readonly LeaseEvent[]> {
  switch (command.kind) {
    case 'acquire':
      return acquireLease(command.terms, command.environmentVersion, NOTHING_SHARED, command.result);
    case 'release':
      return releaseLease(state, command.wish, command.cleanup);
    case 'renew': {
      const decision = renewLease(state, command.ttlSeconds, 'token:one', command.now);
      if (decision.kind === 'refused') return decision;
      return accepted(decision.facts.kind === 'recorded' ? [decision.facts.event] : []);
    }
    case 'expire':
      return expireLease(state, command.now, false, command.cleanup);
  }
}

/** Carries the commands out, one after another; a lease is acquired once, because its id is made for it. */
function run(commands: readonly LeaseCommand[]): Step[] {
  let of = 0;
  const ids = Array.from({ length: LEASES }, (_, lease) => `d0000000-0000-7000-8000-00000000000${lease}`);
  const recorder = new Recorder<LeaseEvent>({ ...leaseSubject, streamOf: () => leaseStream(ids[of] ?? '') });
  const states: LeaseState[] = ids.map(() => initialLease);
  return commands.flatMap((command) => {
    of = command.lease;
    const before = states[of] ?? null;
    if (command.kind === 'acquire' && before !== null) return [];
    const decision = decide(deepFreeze(command), before);
    const facts = decision.kind === 'accepted' ? decision.facts : [];
    const events = facts.map((fact) => deepFreeze(recorder.record(fact)));
    const after = events.reduce<LeaseState>((state, event) => deepFreeze(evolveLease(state, event)), before);
    states[of] = after;
    return [{ command, before, decision, events, after }];
  });
}

/** Checks every step of any run of commands. Inputs are frozen: a decider or a fold that writes into them throws. */
function holdsFor(check: (step: Step) => void): void {
  fc.assert(
    fc.property(leaseCommands, (commands) => {
      run(commands).forEach(check);
    }),
    { numRuns: 100 },
  );
}

function leasesIn({ before, after }: Step): Lease[] {
  return [before, after].filter((state) => state !== null);
}

describe('whatever commands come, in whatever order', () => {
  it('what is decided may be stored', () => {
    holdsFor(({ events }) => expect(schemaProblems(leaseSubject.definitions, events)).toEqual([]));
  });

  it('a command given twice records nothing the second time', () => {
    holdsFor(({ command, after }) => {
      if (command.kind === 'acquire') return;
      const again = decide(command, after);
      expect(again.kind === 'accepted' ? again.facts : []).toEqual([]);
    });
  });

  it('what is refused or already so leaves the lease as it is', () => {
    holdsFor(({ before, after, events }) => {
      if (events.length === 0) expect(after).toBe(before);
    });
  });

  it('the lease in JSON has every field, and only names that callers know', () => {
    holdsFor((step) => {
      for (const json of leasesIn(step).map(leaseJson)) {
        expect(Object.keys(json).sort()).toEqual([...FIELDS].sort());
        expect(LEASE_STATUSES).toContain(json.status);
        expect([null, ...REASON_CODES]).toContain(json.reasonCode);
        expect([null, ...CLEANUP_STATUSES]).toContain(json.cleanupStatus);
        expect(JSON.parse(JSON.stringify(json))).toEqual(json);
      }
    });
  });

  it('the metadata says driver and workspace mode', () => {
    holdsFor((step) => {
      for (const lease of leasesIn(step)) {
        const { driver, executionWorkspaceMode } = lease.terms;
        expect(leaseJson(lease).metadata).toMatchObject({ driver, executionWorkspaceMode });
      }
    });
  });

  it('an ended lease has a reason and a time, unless it is retained; another has neither', () => {
    holdsFor((step) => {
      for (const { status, reasonCode, releasedAt } of leasesIn(step).map(leaseJson)) {
        expect(reasonCode !== null).toBe(ENDED.includes(status));
        expect(releasedAt !== null).toBe(ENDED.includes(status) && status !== 'retained');
      }
    });
  });

  it('what failed or was retained says why', () => {
    holdsFor((step) => {
      for (const { status, failureReason } of leasesIn(step).map(leaseJson)) {
        if (status === 'failed' || status === 'retained') expect(failureReason).not.toBeNull();
      }
    });
  });

  it('an ended lease changes no more', () => {
    holdsFor(({ before, after }) => {
      if (before !== null && ENDED.includes(before.status)) expect(after).toBe(before);
    });
  });

  it('version and position grow with every event, and the fence stays', () => {
    holdsFor(({ before, events, after }) => {
      if (after === null) return;
      expect(after.version).toBe((before?.version ?? 0) + events.length);
      expect(after.position).toBe(events.at(-1)?.position ?? before?.position);
      expect(after.position).toBeGreaterThanOrEqual(after.fence + after.version - 1);
      expect(after.fence).toBe(before?.fence ?? events[0]?.position);
    });
  });

  it('no two leases have the same fence, and a later one has a higher one', () => {
    fc.assert(
      fc.property(leaseCommands, (commands) => {
        const fences = run(commands).flatMap(({ before, after }) => (before === null && after ? [after.fence] : []));
        expect(fences).toEqual([...new Set(fences)].sort((one, other) => one - other));
      }),
    );
  });

  it('folding again, of what was stored as JSON, gives the same', () => {
    holdsFor(({ before, events, after }) => {
      const stored = JSON.parse(JSON.stringify({ before, events })) as Pick<Step, 'before' | 'events'>;
      expect(stored.events.reduce<LeaseState>(evolveLease, stored.before)).toEqual(after);
    });
  });
});
