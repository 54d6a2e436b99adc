import { describe, expect, it } from '@jest/globals';
import { ENVIRONMENT_DRIVERS, type EnvironmentDriver } from '../../../src/domain/driver-contract/driver-names.js';
import { FOR_LEASES } from '../../../src/domain/environments/decide.js';
import { initialEnvironment, type Environment, type EnvironmentState } from '../../../src/domain/environments/state.js';
import {
  acquireLease,
  drainLease,
  expireLease,
  mayAcquire,
  releaseLease,
  type AcquireResult,
  type CleanupResult,
  type LeaseWish,
  type ReleaseWish,
} from '../../../src/domain/leases/decide.js';
import type { LeaseEvent } from '../../../src/domain/leases/events.js';
import { ADAPTER_TYPES, type AdapterType } from '../../../src/domain/leases/lease-names.js';
import type { LeaseState, LeaseTerms } from '../../../src/domain/leases/state.js';
import { at, readable } from '../../support/given-when-then.js';
import {
  ACQUISITION,
  activated,
  active,
  cleaned,
  COMPANY,
  EFFECT,
  endRequested,
  ENVIRONMENT,
  ENVIRONMENT_VERSION,
  executionFinished,
  executionStarted,
  expired,
  given,
  LEASE,
  released,
  requested,
  retained,
  terms,
} from './lease-examples.js';

describe('asking for a lease', () => {
  const wish: LeaseWish = terms();
  const environment: Environment = {
    id: ENVIRONMENT,
    companyId: COMPANY,
    name: 'Sandbox',
    description: null,
    driver: 'sandbox',
    status: 'active',
    config: {},
    metadata: null,
    ...FOR_LEASES,
    cordoned: null,
    drain: null,
    quarantine: null,
    createdAt: at(0),
    updatedAt: at(0),
    version: 1,
    position: 1,
  };
  const present = (change: Partial<Environment> = {}): EnvironmentState => ({
    kind: 'present',
    environment: { ...environment, ...change },
  });
  const ask = (state: EnvironmentState, adapterType: AdapterType | null = null, allowCordoned = false) =>
    readable(mayAcquire(COMPANY, { ...wish, adapterType }, state, allowCordoned));

  it('is granted of an active environment, which is answered', () => {
    expect(ask(present())).toEqual(environment);
  });

  it.each<[string, EnvironmentState]>([
    ['that never was', initialEnvironment],
    ['of another company', present({ companyId: 'c0000000-0000-7000-8000-000000000002' })],
    [
      'of another company, archived',
      present({ companyId: 'c0000000-0000-7000-8000-000000000002', status: 'archived' }),
    ],
    ['that was deleted', { kind: 'deleted', environment }],
  ])('is refused as not found of an environment %s', (_case, state) => {
    expect(ask(state)).toEqual({ refused: 'environment_not_found' });
  });

  it('tells nobody whether another company has the environment', () => {
    const others = mayAcquire(COMPANY, wish, present({ companyId: 'c0000000-0000-7000-8000-000000000002' }), false);
    expect(others).toEqual(mayAcquire(COMPANY, wish, initialEnvironment, false));
  });

  it('is refused of an archived environment', () => {
    expect(ask(present({ status: 'archived' }))).toEqual({ refused: 'environment_inactive' });
  });

  it('is refused of a cordoned environment, with the reason, and granted to who allows for it', () => {
    const cordoned = { by: 'operator', since: at(3), reason: 'Disk replacement' } as const;
    expect(ask(present({ cordoned }))).toEqual({ refused: 'environment_cordoned', ...cordoned });
    expect(ask(present({ cordoned }), null, true)).toEqual({ ...environment, cordoned });
    expect(ask(present({ cordoned, status: 'archived' }), null, true)).toEqual({ refused: 'environment_inactive' });
  });

  it.each([
    [null, '.'],
    ['Disk replacement', ': Disk replacement.'],
    ['Disk replacement.', ': Disk replacement.'],
    ['Why not?', ': Why not?'],
  ])('says when it was cordoned and why: %j', (reason, ending) => {
    const cordoned = { by: 'operator', since: at(3), reason } as const;
    const decision = mayAcquire(COMPANY, wish, present({ cordoned }), false);
    expect(decision).toMatchObject({ detail: `The environment takes no new leases since ${at(3)}${ending}` });
  });

  const anywhere: EnvironmentDriver[] = ['local', 'ssh', 'sandbox'];
  const supported: Record<AdapterType, EnvironmentDriver[]> = {
    process: ['local'],
    http: ['local'],
    claude_local: anywhere,
    codex_local: anywhere,
    gemini_local: anywhere,
    opencode_local: anywhere,
    pi_local: anywhere,
    cursor: anywhere,
    openclaw_gateway: ['local'],
  };

  it.each(ADAPTER_TYPES)('an adapter runs where it is supported: %s', (adapterType) => {
    const allowed = ENVIRONMENT_DRIVERS.filter((driver) => {
      const answer = ask(present({ driver }), adapterType);
      if ('refused' in answer) expect(answer).toEqual({ refused: 'unsupported_adapter_environment' });
      return !('refused' in answer);
    });
    expect(allowed).toEqual(supported[adapterType]);
  });

  it.each(ENVIRONMENT_DRIVERS)('without an adapter it is granted of any driver: %s', (driver) => {
    expect(ask(present({ driver }))).toMatchObject({ driver });
  });
});

const NOTHING_SHARED = { reuse: null, rejections: [], takenOver: null };
const KEPT = { key: `retained ${ENVIRONMENT}`, until: at(60) };

describe('acquiring', () => {
  const succeeded: AcquireResult = { kind: 'acquired', effectId: EFFECT, acquisition: ACQUISITION };
  const acquire = (change: Partial<LeaseTerms>, result: AcquireResult) => () =>
    acquireLease(terms(change), ENVIRONMENT_VERSION, NOTHING_SHARED, result);

  it('where the driver gives at once, makes an active lease', () => {
    const { state } = given([]).when(acquire({}, succeeded)).then([requested(), activated()]);
    expect(state).toMatchObject({ id: LEASE, status: 'active', grant: { acquiredAt: at(1), lastUsedAt: at(1) } });
  });

  it('where the driver fails, makes a failed lease that says why', () => {
    const failed: AcquireResult = { kind: 'failed', failureReason: 'no capacity' };
    const { state } = given([])
      .when(acquire({ ttlSeconds: 60 }, failed))
      .then([
        requested({ ttlSeconds: 60 }),
        { type: 'LeaseFailed', data: { reasonCode: 'acquire_failed', failureReason: 'no capacity' } },
      ]);
    expect(state).toMatchObject({ status: 'failed', grant: null, cleanupStatus: null, endedAt: at(1) });
  });

  it('records of what the driver gave only what an event of that name may hold', () => {
    const chatty = { ...ACQUISITION, connection: { password: 'hunter2' } };
    given([])
      .when(acquire({}, { ...succeeded, acquisition: chatty }))
      .then([requested(), activated()]);
  });
});

const release =
  (outcome: ReleaseWish['outcome'], cleanup: CleanupResult = 'cleaned', failureReason: string | null = null) =>
  (state: LeaseState) =>
    releaseLease(state, { outcome, reasonCode: null, failureReason }, cleanup);

describe('releasing', () => {
  it('as released', () => {
    given(active()).when(release('released')).then([endRequested(), cleaned, released]);
  });

  it('because its caller has gone', () => {
    const wish = { outcome: 'released', reasonCode: 'caller_gone', failureReason: null } as const;
    given(active())
      .when((state) => releaseLease(state, wish, 'cleaned'))
      .then([endRequested({ reasonCode: 'caller_gone' }), cleaned, released]);
  });

  it('as expired', () => {
    given(active())
      .when(release('expired'))
      .then([endRequested({ outcome: 'expired', reasonCode: 'expired_by_caller' }), cleaned, expired]);
  });

  it.each([
    [null, 'adapter_or_run_failure'],
    ['exit code 137', 'exit code 137'],
  ])('as failed, with the failure reason %j', (given_, failureReason) => {
    const reasonCode = 'adapter_or_run_failure';
    given(active())
      .when(release('failed', 'cleaned', given_))
      .then([
        endRequested({ outcome: 'failed', reasonCode, failureReason }),
        cleaned,
        { type: 'LeaseFailed', data: { reasonCode, failureReason } },
      ]);
  });

  it('with retain_on_failure, as failed, retains it and cleans nothing up', () => {
    const failure = { outcome: 'failed', reasonCode: 'adapter_or_run_failure', failureReason: 'oom' } as const;
    const { state } = given(active({ leasePolicy: 'retain_on_failure' }))
      .when(release('failed', { kept: KEPT }, 'oom'))
      .then([endRequested(failure), { type: 'SandboxKept', data: KEPT }, retained]);
    expect(state).toMatchObject({ status: 'retained', cleanupStatus: null, ending: failure });
  });

  it.each<[ReleaseWish['outcome'], LeaseEvent[]]>([
    ['released', [endRequested(), cleaned, released]],
    ['expired', [endRequested({ outcome: 'expired', reasonCode: 'expired_by_caller' }), cleaned, expired]],
  ])('with retain_on_failure, as %s, retains nothing', (outcome, events) => {
    given(active({ leasePolicy: 'retain_on_failure' }))
      .when(release(outcome))
      .then(events);
  });

  it.each<[CleanupResult, LeaseEvent[], string | null]>([
    ['cleaned', [cleaned], 'success'],
    ['nothing_to_clean', [], null],
    [{ failed: 'timed out' }, [{ type: 'CleanupFailed', data: { detail: 'timed out' } }], 'failed'],
  ])('ends whatever the cleanup came to: %j', (cleanup, events, cleanupStatus) => {
    const { state } = given(active())
      .when(release('released', cleanup))
      .then([endRequested(), ...events, released]);
    expect(state).toMatchObject({ status: 'released', cleanupStatus });
  });

  it.each<[ReleaseWish['outcome'], CleanupResult, Partial<LeaseTerms>]>([
    ['released', 'cleaned', {}],
    ['expired', 'nothing_to_clean', {}],
    ['failed', { failed: 'timed out' }, {}],
    ['failed', { kept: KEPT }, { leasePolicy: 'retain_on_failure' }],
  ])('again does nothing: as %s, %j', (outcome, cleanup, change) => {
    const before = given(active(change));
    const decision = release(outcome, cleanup)(before.state);
    const events = decision.kind === 'accepted' ? decision.facts : [];
    before.when(release(outcome, cleanup)).then(events).again.then([]).again.then([]);
  });

  it('what has ended stays as it ended, whatever is said later', () => {
    given([...active(), endRequested(), cleaned, released])
      .when(release('failed', 'cleaned', 'too late'))
      .then([]);
    given([requested(), { type: 'LeaseFailed', data: { reasonCode: 'acquire_failed', failureReason: 'no capacity' } }])
      .when(release('released'))
      .then([]);
  });

  it('a lease that never was is refused', () => {
    given([]).when(release('released')).then({ refused: 'lease_not_found' });
  });

  it('a lease that is on its way out already stays on it', () => {
    given([...active(), endRequested()])
      .when(release('failed'))
      .then([]);
  });

  it('a lease that has only been asked for is refused by name', () => {
    given([requested()]).when(release('released')).then({ refused: 'lease_release_failed', leaseId: LEASE });
  });
});

describe('expiring', () => {
  const deadline = at(60);
  const due = active({ ttlSeconds: 59 });
  const expire =
    (now: string, cleanup: CleanupResult = 'cleaned', isSyncing = false) =>
    (state: LeaseState) =>
      expireLease(state, now, isSyncing, cleanup);
  const ended = (by: Partial<Extract<LeaseEvent, { type: 'LeaseReleaseRequested' }>['data']>): LeaseEvent[] => [
    endRequested({ outcome: 'expired', ...by }),
    cleaned,
    expired,
  ];

  it('before the deadline does nothing', () => {
    given(due)
      .when(expire(at(59.999)))
      .then([]);
  });

  it.each([
    ['at', at(60)],
    ['after', at(3600)],
  ])('%s the deadline ends the lease and says which deadline it saw', (_when, now) => {
    given(due)
      .when(expire(now))
      .then(ended({ reasonCode: 'ttl_elapsed', deadline }))
      .again.then([]);
  });

  it('by maxTtlSeconds says so', () => {
    given(active({ ttlSeconds: 100, maxTtlSeconds: 59 }))
      .when(expire(deadline))
      .then(ended({ reasonCode: 'max_ttl_elapsed', deadline }));
  });

  it('after its last use says so', () => {
    given(active({ idleTtlSeconds: 9, ttlSeconds: 59 }))
      .when(expire(at(30)))
      .then(ended({ reasonCode: 'idle_ttl_elapsed', deadline: at(10) }));
  });

  it('waits while a command runs, and counts from its end', () => {
    const running = [...active({ idleTtlSeconds: 9 }), executionStarted()];
    given(running)
      .when(expire(at(3600)))
      .then([]);
    given([...running, executionFinished()])
      .when(expire(at(30)))
      .then(ended({ reasonCode: 'idle_ttl_elapsed', deadline: at(12) }));
  });

  it('waits while the workspace is moved', () => {
    given(active({ idleTtlSeconds: 9 }))
      .when(expire(at(3600), 'cleaned', true))
      .then([]);
  });

  it('because its environment is drained says so, with the deadline of the drain', () => {
    const drain = (state: LeaseState) => drainLease(state, deadline, 'cleaned');
    given(active({}))
      .when(drain)
      .then(ended({ reasonCode: 'drained', deadline }))
      .again.then([]);
    given([requested()]).when(drain).then([]);
    given([]).when(drain).then([]);
  });

  it('by ttlSeconds does not wait for what runs', () => {
    given([...active({ idleTtlSeconds: 9, ttlSeconds: 59 }), executionStarted()])
      .when(expire(deadline, 'cleaned', true))
      .then(ended({ reasonCode: 'ttl_elapsed', deadline }));
  });

  it('with retain_on_failure is no failure: nothing is retained', () => {
    given(active({ ttlSeconds: 59, leasePolicy: 'retain_on_failure' }))
      .when(expire(deadline))
      .then(ended({ reasonCode: 'ttl_elapsed', deadline }));
  });

  it('is not stopped by a cleanup that fails', () => {
    const { state } = given(due)
      .when(expire(deadline, { failed: 'timed out' }))
      .then([
        endRequested({ outcome: 'expired', reasonCode: 'ttl_elapsed', deadline }),
        { type: 'CleanupFailed', data: { detail: 'timed out' } },
        expired,
      ]);
    expect(state).toMatchObject({ status: 'expired', cleanupStatus: 'failed' });
  });

  it.each<[string, LeaseEvent[]]>([
    ['has no deadline', active()],
    ['has ended', [...due, endRequested(), released]],
    ['is ending', [...due, endRequested()]],
    ['is not active yet', [requested({ ttlSeconds: 1 })]],
    ['never was', []],
  ])('does nothing to a lease that %s', (_case, events) => {
    given(events)
      .when(expire(at(1_000_000)))
      .then([]);
  });
});
