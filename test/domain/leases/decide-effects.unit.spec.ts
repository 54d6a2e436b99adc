import { describe, expect, it } from '@jest/globals';
import { accepted, type Decision } from '../../../src/event-sourcing/commands/decision.js';
import { releaseLease, type ReleaseWish } from '../../../src/domain/leases/decide.js';
import {
  beginAttempt,
  cleanedUp,
  cleanupFailed,
  discarded,
  leftBehind,
  lookedForLeftovers,
  provisioned,
  provisioningFailed,
  retryCleanup,
  takeoverFailed,
  writeOffCleanup,
} from '../../../src/domain/leases/decide-effects.js';
import type { LeaseEvent } from '../../../src/domain/leases/events.js';
import { isSettled, type EffectFailure, type LeaseState } from '../../../src/domain/leases/state.js';
import { at } from '../../support/given-when-then.js';
import { ACQUISITION, EFFECT, endRequested, given, lease, LEASE, released, requested } from './lease-examples.js';

const CLEANUP = 'f0000000-0000-7000-8000-000000000002';
const OTHER = 'f0000000-0000-7000-8000-000000000003';
const FAILURE = {
  failureClass: 'transient',
  reasonCode: 'host_not_answering',
  failureReason: 'It did not answer.',
} as const satisfies EffectFailure;

const asked: LeaseEvent = { type: 'ProvisioningRequested', data: { effectId: EFFECT, timeoutSeconds: 60 } };
const started = (attempt = 1): LeaseEvent => ({ type: 'ProvisioningStarted', data: { effectId: EFFECT, attempt } });
const attemptFailed = (inDoubt: boolean, retryAt: string | null, attempt = 1): LeaseEvent => ({
  type: 'ProvisioningAttemptFailed',
  data: { effectId: EFFECT, attempt, ...FAILURE, inDoubt, retryAt },
});
const activated: LeaseEvent = { type: 'LeaseActivated', data: { effectId: EFFECT, ...ACQUISITION, expiresAt: null } };
const overtaken = (grant: typeof ACQUISITION | null): LeaseEvent => ({
  type: 'ProvisioningOvertaken',
  data: { effectId: EFFECT, grant },
});
const cleanupAsked: LeaseEvent = { type: 'CleanupRequested', data: { effectId: CLEANUP } };
const cleanupStarted = (attempt = 1): LeaseEvent => ({
  type: 'CleanupStarted',
  data: { effectId: CLEANUP, attempt },
});
const cleanupAttemptFailed = (retryAt: string | null, attempt = 1): LeaseEvent => ({
  type: 'CleanupAttemptFailed',
  data: { effectId: CLEANUP, attempt, ...FAILURE, retryAt },
});
const cleaned: LeaseEvent = { type: 'CleanupSucceeded', data: {} };
const failed: LeaseEvent = {
  type: 'LeaseFailed',
  data: { reasonCode: FAILURE.reasonCode, failureReason: FAILURE.failureReason },
};

const queued = [requested(), asked];
const provisioning = [...queued, started()];
const active = [...provisioning, activated];
const releasing = [...active, endRequested(), cleanupAsked];

type Decide = (state: LeaseState) => Decision<readonly LeaseEvent[]>;
const begin =
  (effectId = EFFECT): Decide =>
  (state) =>
    accepted(beginAttempt(state, effectId, CLEANUP));
const made: Decide = (state) => accepted(provisioned(state, EFFECT, ACQUISITION, CLEANUP, null));
const failing =
  (inDoubt: boolean, retryAt: string | null): Decide =>
  (state) =>
    accepted(provisioningFailed(state, EFFECT, { ...FAILURE, inDoubt }, retryAt, CLEANUP));
const gone: Decide = (state) => accepted(cleanedUp(state, CLEANUP, null));
const cleaningFails =
  (retryAt: string | null): Decide =>
  (state) =>
    accepted(cleanupFailed(state, CLEANUP, FAILURE, retryAt));
const release =
  (outcome: ReleaseWish['outcome'] = 'released'): Decide =>
  (state) =>
    releaseLease(state, { outcome, reasonCode: null, failureReason: null }, { later: CLEANUP });

const attempts = (count: number, from = 1): LeaseEvent[] =>
  Array.from({ length: count }, (_, index) => started(from + index));
const lost = {
  failureClass: 'permanent',
  reasonCode: 'attempts_lost',
  failureReason: expect.any(String) as unknown as string,
} as const;

describe('an effect that ends the processes that attempt it', () => {
  it('is attempted five times, and fails with a reason of its own', () => {
    given([...queued, ...attempts(4)])
      .when(begin())
      .then([started(5)]);
    given([...queued, ...attempts(5)])
      .when(begin())
      .then([
        {
          type: 'ProvisioningAttemptFailed',
          data: { effectId: EFFECT, attempt: 5, ...lost, inDoubt: true, retryAt: null },
        },
        cleanupAsked,
        { type: 'LeaseFailed', data: { reasonCode: 'attempts_lost', failureReason: lost.failureReason } },
      ]);
  });

  it('is another one after an attempt that had an end', () => {
    given([...queued, ...attempts(4), attemptFailed(true, at(9), 4), ...attempts(4, 5)])
      .when(begin())
      .then([started(9)]);
  });

  it('is left to an operator where it is a cleanup, who may have it tried again', () => {
    const begun = [1, 2, 3, 4, 5].map((attempt) => cleanupStarted(attempt));
    const given5 = [...releasing, ...begun];
    const failedAt5: LeaseEvent = {
      type: 'CleanupAttemptFailed',
      data: { effectId: CLEANUP, attempt: 5, ...lost, retryAt: null },
    };
    given(given5).when(begin(CLEANUP)).then([failedAt5, released]);
    given([...given5, failedAt5, released, { type: 'CleanupRetryRequested', data: { effectId: OTHER } }])
      .when(begin(OTHER))
      .then([{ type: 'CleanupStarted', data: { effectId: OTHER, attempt: 1 } }]);
  });

  it('ends as its caller asked where the release came first', () => {
    given([...queued, ...attempts(5), endRequested()])
      .when(begin())
      .then([
        {
          type: 'ProvisioningAttemptFailed',
          data: { effectId: EFFECT, attempt: 5, ...lost, inDoubt: true, retryAt: null },
        },
        cleanupAsked,
      ]);
  });
});

describe('what a lost attempt may have made, where the provider shows it late', () => {
  const until = at(300);
  const madeLate: Decide = (state) => accepted(provisioned(state, EFFECT, ACQUISITION, CLEANUP, until));
  const goneLate: Decide = (state) => accepted(cleanedUp(state, CLEANUP, until));
  const looked =
    (destroyed: string[], now: string): Decide =>
    (state) =>
      accepted(lookedForLeftovers(state, destroyed, now));
  const doubted: LeaseEvent = { type: 'DoubtOpened', data: { effectId: EFFECT, until } };
  const settled: LeaseEvent = { type: 'DoubtSettled', data: { effectId: EFFECT } };
  const destroyed = (providerLeaseId: string): LeaseEvent => ({
    type: 'LeftoverDestroyed',
    data: { effectId: EFFECT, providerLeaseId },
  });

  it.each<[string, LeaseEvent[], boolean]>([
    ['no attempt before', provisioning, false],
    [
      'one that failed before anything could be made',
      [...queued, started(), attemptFailed(false, at(9)), started(2)],
      false,
    ],
    ['one that failed in doubt', [...queued, started(), attemptFailed(true, at(9)), started(2)], true],
    ['one without an end', [...provisioning, started(2)], true],
  ])('is looked for after %s: %#', (_name, events, isInDoubt) => {
    given(events)
      .when(madeLate)
      .then(isInDoubt ? [doubted, activated] : [activated]);
  });

  it('is looked for after a cleanup that has found nothing', () => {
    const events = [...queued, started(), attemptFailed(true, null), cleanupAsked, failed, cleanupStarted()];
    const { state } = given(events).when(goneLate).then([cleaned, doubted]);
    expect(state && isSettled(state)).toBe(false);
  });

  it('is looked for after a release that came while an attempt was lost', () => {
    given([...provisioning, endRequested(), overtaken(null), cleanupAsked, cleanupStarted()])
      .when(goneLate)
      .then([cleaned, doubted, released]);
  });

  it('is taken down when it appears, once, and no longer looked for when the provider has settled', () => {
    const { state } = given([...provisioning, started(2), doubted, activated])
      .when(looked([], at(10)))
      .then([])
      .when(looked(['one'], at(20)))
      .then([destroyed('one')])
      .when(looked(['one', 'two'], until))
      .then([destroyed('two'), settled])
      .again.then([]);
    expect(state).toMatchObject({ status: 'active', doubt: null });
  });
});

describe('an attempt to provision', () => {
  it('is recorded before it begins, and counted', () => {
    given(queued)
      .when(begin())
      .then([started(1)]);
    given([...provisioning, attemptFailed(false, at(9))])
      .when(begin())
      .then([started(2)]);
    given(provisioning)
      .when(begin())
      .then([started(2)]);
  });

  it('of another effect, or of one that is settled, is not begun', () => {
    given(queued).when(begin(OTHER)).then([]);
    given(active).when(begin()).then([]);
  });

  it('whose release came first is not begun; what an earlier one may have made is cleaned up', () => {
    given([...queued, endRequested()])
      .when(begin())
      .then([overtaken(null), released]);
    given([...provisioning, endRequested()])
      .when(begin())
      .then([overtaken(null), cleanupAsked]);
  });

  it('that succeeds makes the lease active, once', () => {
    given(provisioning).when(made).then([activated]).again.then([]);
  });

  it('that succeeds after the release was asked for is taken down again', () => {
    given([...provisioning, endRequested()])
      .when(made)
      .then([overtaken(ACQUISITION), cleanupAsked])
      .again.then([]);
  });

  it('of a worker that was given up for dead, after the lease was cleaned up, is taken down once more', () => {
    const over = [...provisioning, endRequested(), overtaken(null), cleanupAsked, cleanupStarted(), cleaned, released];
    given(over).when(made).then([cleanupAsked]).again.then([]);
  });

  it('that fails is tried again when the policy says so', () => {
    given(provisioning)
      .when(failing(true, at(9)))
      .then([attemptFailed(true, at(9))]);
    const { effect, status } = lease([...provisioning, attemptFailed(true, at(9))]);
    expect({ status, effect }).toMatchObject({ status: 'provisioning', effect: { underWay: false, dueAt: at(9) } });
  });

  it('that fails for good fails the lease, and in doubt is cleaned up after', () => {
    given(provisioning)
      .when(failing(false, null))
      .then([attemptFailed(false, null), failed]);
    given(provisioning)
      .when(failing(true, null))
      .then([attemptFailed(true, null), cleanupAsked, failed]);
    const twice = [...provisioning, attemptFailed(true, at(9)), started(2)];
    given(twice)
      .when(failing(false, null))
      .then([attemptFailed(false, null, 2), cleanupAsked, failed]);
  });

  it('that fails after the release was asked for ends the lease as was asked', () => {
    const meanwhile = [...provisioning, endRequested()];
    given(meanwhile)
      .when(failing(false, at(9)))
      .then([attemptFailed(false, null), released]);
    given(meanwhile)
      .when(failing(true, at(9)))
      .then([attemptFailed(true, null), cleanupAsked]);
  });
});

describe('a release that arrives', () => {
  it('before any worker ends the lease at once', () => {
    given(queued)
      .when(release())
      .then([endRequested(), overtaken(null), released])
      .again.then([]);
  });

  it('while a worker is at it waits for what that one makes', () => {
    given(provisioning).when(release()).then([endRequested()]).again.then([]);
  });

  it('between two attempts cleans up where there is a doubt', () => {
    given([...provisioning, attemptFailed(false, at(9))])
      .when(release())
      .then([endRequested(), overtaken(null), released]);
    given([...provisioning, attemptFailed(true, at(9))])
      .when(release())
      .then([endRequested(), overtaken(null), cleanupAsked]);
  });

  it('of an active lease asks for its cleanup', () => {
    given(active).when(release()).then([endRequested(), cleanupAsked]).again.then([]);
  });
});

describe('a cleanup', () => {
  it('is counted by its attempts', () => {
    given(releasing)
      .when(begin(CLEANUP))
      .then([cleanupStarted(1)]);
  });

  it('that succeeds ends the lease', () => {
    given([...releasing, cleanupStarted()])
      .when(gone)
      .then([cleaned, released])
      .again.then([]);
  });

  it('that fails ends the lease too, and goes on by itself', () => {
    const first = [...releasing, cleanupStarted()];
    given(first)
      .when(cleaningFails(at(20)))
      .then([cleanupAttemptFailed(at(20)), released]);
    const later = [...first, cleanupAttemptFailed(at(20)), released, cleanupStarted(2)];
    given(later).when(gone).then([cleaned]);
    given(later)
      .when(cleaningFails(null))
      .then([cleanupAttemptFailed(null, 2)]);
  });

  it('keeps the capacity until it has succeeded or is written off', () => {
    const ended = [...releasing, cleanupStarted(), cleanupAttemptFailed(null), released];
    expect(lease(ended)).toMatchObject({ status: 'released', cleanupStatus: 'irrevocable' });
    expect(isSettled(lease(ended))).toBe(false);
    expect(isSettled(lease([...ended, { type: 'CleanupWrittenOff', data: { note: null } }]))).toBe(true);
    expect(isSettled(lease([...releasing, cleanupStarted(), cleaned, released]))).toBe(true);
  });

  const givenUp = [...releasing, cleanupStarted(), cleanupAttemptFailed(null), released];

  it('that was given up can be retried or written off by an operator, once each', () => {
    given(givenUp)
      .when((state) => retryCleanup(state, OTHER))
      .then([{ type: 'CleanupRetryRequested', data: { effectId: OTHER } }])
      .again.then({ refused: 'cleanup_not_failed', leaseId: LEASE });
    given(givenUp)
      .when((state) => writeOffCleanup(state, 'scrapped'))
      .then([{ type: 'CleanupWrittenOff', data: { note: 'scrapped' } }])
      .again.then({ refused: 'cleanup_not_failed', leaseId: LEASE });
  });

  it('that has not failed is nobody’s to settle', () => {
    given(active)
      .when((state) => retryCleanup(state, OTHER))
      .then({ refused: 'cleanup_not_failed', leaseId: LEASE });
    given([])
      .when((state) => writeOffCleanup(state, null))
      .then({ refused: 'lease_not_found' });
  });
});

describe('what a lease leaves to others', () => {
  const KEPT = { key: 'reuse 1', until: at(3_600) };
  const FROM = { leaseId: OTHER, fence: 7, providerLeaseId: 'sandbox://fake/7', teardown: { reuseLease: false } };
  const kept: LeaseEvent = { type: 'SandboxKept', data: KEPT };
  const taken: LeaseEvent = { type: 'SandboxTakenOver', data: FROM };
  const decided = (decide: (state: LeaseState) => readonly LeaseEvent[]) => (state: LeaseState) =>
    accepted(decide(state));

  it('is kept in the place of its cleanup, and keeps the lease unsettled', () => {
    const { state } = given([...releasing, cleanupStarted()])
      .when(decided((before) => leftBehind(before, CLEANUP, KEPT)))
      .then([kept, released]);
    expect(state).toMatchObject({ status: 'released', kept: KEPT, effect: null, cleanupStatus: null });
    expect(state && isSettled(state)).toBe(false);
  });

  it('is not kept by a worker that is late', () => {
    given([...releasing, cleanupStarted(), cleaned, released])
      .when(decided((before) => leftBehind(before, CLEANUP, KEPT)))
      .then([]);
  });

  it('settles the lease once it is handed on', () => {
    const state = lease([...releasing, kept, released, { type: 'SandboxHandedOn', data: { leaseId: OTHER } }]);
    expect(state.kept).toBeNull();
    expect(isSettled(state)).toBe(true);
  });

  it('is to be taken down once it is discarded', () => {
    const { state } = given([...releasing, kept, released])
      .when(decided(() => discarded('keeping_time_elapsed', { later: OTHER })))
      .then([
        { type: 'SandboxDiscarded', data: { reasonCode: 'keeping_time_elapsed' } },
        { type: 'CleanupRequested', data: { effectId: OTHER } },
      ]);
    expect(state).toMatchObject({ status: 'released', kept: null, cleanupStatus: 'pending' });
  });

  it('is taken down with the lease that was to have it, however early that ends', () => {
    const requestedOver = [requested(), taken, asked];
    given(requestedOver)
      .when((state) =>
        releaseLease(state, { outcome: 'released', reasonCode: null, failureReason: null }, { later: CLEANUP }),
      )
      .then([endRequested(), overtaken(null), cleanupAsked]);
    given([...requestedOver, started()])
      .when(decided((state) => provisioningFailed(state, EFFECT, { ...FAILURE, inDoubt: false }, null, CLEANUP)))
      .then([attemptFailed(false, null), cleanupAsked, failed]);
  });

  it('that cannot be used is not the lease’s any more, and says so once', () => {
    const rejected: LeaseEvent = {
      type: 'ReuseRejected',
      data: { leaseId: OTHER, reasonCode: 'resume_check_failed', fields: [] },
    };
    const { state } = given([requested(), taken, asked, started()])
      .when(decided((before) => takeoverFailed(before, EFFECT)))
      .then([rejected])
      .again.then([]);
    expect(state).toMatchObject({ takenOver: null, rejections: [rejected.data] });
  });
});
