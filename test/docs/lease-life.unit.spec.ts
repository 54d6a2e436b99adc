import { timeOutProvisioning } from '../../src/domain/leases/provisioning-timeout.js';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Decision } from '../../src/event-sourcing/commands/decision.js';
import { acquireLease, expireLease, releaseLease, type CleanupResult } from '../../src/domain/leases/decide.js';
import {
  beginAttempt,
  cleanedUp,
  cleanupFailed,
  leftBehind,
  provisioned,
  provisioningFailed,
  retryCleanup,
  writeOffCleanup,
} from '../../src/domain/leases/decide-effects.js';
import type { LeaseEvent } from '../../src/domain/leases/events.js';
import { evolveLease } from '../../src/domain/leases/evolve.js';
import { LEASE_POLICIES, RELEASE_OUTCOMES } from '../../src/domain/leases/lease-names.js';
import type { LeaseState } from '../../src/domain/leases/state.js';
import { at, Recorder } from '../support/given-when-then.js';
import { ACQUISITION, EFFECT, leaseSubject, terms } from '../domain/leases/lease-examples.js';
import { codeBlocks, ROOT } from './pages.js';

type Facts = readonly LeaseEvent[];

const CLEANUP = 'f0000000-0000-7000-8000-000000000002';
const FAILURE = { failureClass: 'transient', reasonCode: 'connection_lost', failureReason: 'away' } as const;
const KEPT = { key: 'k', until: at(3_600) };
const CLEANUPS: readonly CleanupResult[] = ['nothing_to_clean', 'cleaned', { failed: 'no' }, { later: CLEANUP }];
/** Longer histories only repeat what shorter ones have. */
const STEPS = 5;

/** Whatever may be asked of a lease in this state, and what a worker may record of its effect. */
function decisions(state: LeaseState): Facts[] {
  const facts = (decision: Decision<Facts>): Facts => (decision.kind === 'accepted' ? decision.facts : []);
  if (state === null) return acquisitions().map(facts);
  const wishes = RELEASE_OUTCOMES.map((outcome) => ({ outcome, reasonCode: null, failureReason: null }));
  const id = state.effect?.effectId ?? EFFECT;
  return [
    ...CLEANUPS.flatMap((cleanup) => wishes.map((wish) => facts(releaseLease(state, wish, cleanup)))),
    ...CLEANUPS.map((cleanup) => facts(expireLease(state, at(1_000), false, cleanup))),
    ...CLEANUPS.map((cleanup) => (state === null ? [] : timeOutProvisioning(state, at(1_000), cleanup))),
    beginAttempt(state, id, CLEANUP),
    ...(state.effect?.kind === 'cleanup' ? endsOfCleanup(state, id) : endsOfProvisioning(state, id)),
    facts(retryCleanup(state, CLEANUP)),
    facts(writeOffCleanup(state, null)),
  ];
}

function acquisitions(): Decision<Facts>[] {
  const sharing = { reuse: null, rejections: [], takenOver: null };
  return LEASE_POLICIES.flatMap((leasePolicy) => {
    const wanted = terms({ leasePolicy, ttlSeconds: 60 });
    return [
      acquireLease(wanted, 1, sharing, { kind: 'acquired', effectId: EFFECT, acquisition: ACQUISITION }),
      acquireLease(wanted, 1, sharing, { kind: 'failed', failureReason: 'no' }),
      acquireLease(wanted, 1, sharing, { kind: 'queued', effectId: EFFECT, timeoutSeconds: 60 }),
    ];
  });
}

function endsOfProvisioning(state: LeaseState, id: string): Facts[] {
  if (!state?.effect?.underWay) return [];
  return [
    provisioned(state, id, ACQUISITION, CLEANUP, null),
    ...[at(5), null].map((again) => provisioningFailed(state, id, { ...FAILURE, inDoubt: true }, again, CLEANUP)),
  ];
}

function endsOfCleanup(state: LeaseState, id: string): Facts[] {
  if (!state?.effect?.underWay) return [];
  const failed = [at(5), null].map((again) => cleanupFailed(state, id, FAILURE, again));
  return [cleanedUp(state, id, null), leftBehind(state, id, KEPT), ...failed];
}

/** Every change of the status and of the cleanup status in all histories of some steps. */
function changesInEveryHistory(): { life: Set<string>; cleanup: Set<string> } {
  const [life, cleanup] = [new Set<string>(), new Set<string>()];
  const seen = new Set<string>();
  const explore = (state: LeaseState, history: Facts, steps: number): void => {
    for (const facts of decisions(state)) {
      const recorder = new Recorder<LeaseEvent>(leaseSubject);
      let now = null as LeaseState;
      for (const [index, event] of [...history, ...facts].entries()) {
        const next = evolveLease(now, recorder.record(event));
        if (index >= history.length) {
          if (now?.status !== next.status) life.add(`${now?.status ?? '[*]'} --> ${next.status}`);
          const before = now?.cleanupStatus ?? null;
          if (before !== next.cleanupStatus) cleanup.add(`${before ?? '[*]'} --> ${next.cleanupStatus ?? '[*]'}`);
        }
        now = next;
      }
      const { status, effect, cleanupStatus, cleanupWrittenOff, inDoubt, kept } = now ?? {};
      const { leasePolicy } = now?.terms ?? {};
      const key = JSON.stringify({
        status,
        effect,
        cleanupStatus,
        cleanupWrittenOff,
        inDoubt,
        kept,
        leasePolicy,
        steps,
      });
      if (facts.length === 0 || steps === 0 || seen.has(key)) continue;
      seen.add(key);
      explore(now, [...history, ...facts], steps - 1);
    }
  };
  explore(null, [], STEPS);
  return { life, cleanup };
}

test('the diagrams of a lease’s life and of its cleanup are what the code does', () => {
  const page = readFileSync(join(ROOT, 'docs', 'concepts.md'), 'utf8');
  const drawn = codeBlocks(page)
    .filter(({ language }) => language === 'mermaid')
    .map(({ lines }) => lines.slice(1).map((line) => line.trim().replace(/:.*$/, '')));
  const { life, cleanup } = changesInEveryHistory();
  const ends = ['released', 'expired', 'failed', 'retained'].map((end) => `${end} --> [*]`);
  expect(drawn[0]?.toSorted()).toEqual([...life, ...ends].sort());
  expect(drawn[1]?.toSorted()).toEqual([...cleanup, 'success --> [*]', 'irrevocable --> [*]'].sort());
});
