import { accepted, refused, type Decision } from '../../event-sourcing/commands/decision.js';
import type { Acquisition, ReleaseOutcome } from '../driver-contract/runtime-driver.js';
import type { EnvironmentDriver } from '../driver-contract/driver-names.js';
import { refusedByCordon } from '../environments/decide-cordon.js';
import type { Environment, EnvironmentState } from '../environments/state.js';
import { deadlineOf, runsCommands, type Deadline } from './deadline.js';
import type { LeaseEvent } from './events.js';
import { LOCAL_ONLY_ADAPTERS, type AdapterType, type ReasonCode, type ReleaseOutcomeName } from './lease-names.js';
import type { Kept, Lease, LeaseEnding, LeaseState, LeaseTerms, Rejection, Reuse, TakenOver } from './state.js';

/** What a caller asks for: the terms, less those that the environment gives. */
export type LeaseWish = Omit<LeaseTerms, 'driver' | 'provider'>;

/** Whether the environment may be leased to this caller at all; asked before its driver does anything. */
export function mayAcquire(
  companyId: string,
  wish: LeaseWish,
  environment: EnvironmentState,
  allowCordoned: boolean,
): Decision<Environment> {
  if (environment.kind !== 'present' || environment.environment.companyId !== companyId) {
    return refused('environment_not_found', 'The company has no environment with this id.');
  }
  const { status, driver, cordoned } = environment.environment;
  if (status !== 'active') {
    return refused('environment_inactive', `The environment is ${status}.`);
  }
  if (cordoned !== null && !allowCordoned) return refusedByCordon(cordoned);
  if (wish.adapterType !== null && !supportsDriver(wish.adapterType, driver)) {
    return refused(
      'unsupported_adapter_environment',
      `The adapter ${wish.adapterType} does not run in ${driver} environments.`,
    );
  }
  return accepted(environment.environment);
}

/** Every adapter runs locally; those that may run elsewhere do so on `ssh` and `sandbox`, not on `plugin`. */
export function supportsDriver(adapterType: AdapterType, driver: EnvironmentDriver): boolean {
  return driver === 'local' || (driver !== 'plugin' && !LOCAL_ONLY_ADAPTERS.includes(adapterType));
}

/** What the driver's try to acquire came to, or that it is left to a worker. */
export type AcquireResult =
  | { readonly kind: 'acquired'; readonly effectId: string; readonly acquisition: Acquisition }
  | { readonly kind: 'failed'; readonly failureReason: string }
  | { readonly kind: 'queued'; readonly effectId: string; readonly timeoutSeconds: number | null };

/** What a lease shares with others, and what it takes over from one that has ended. */
export interface Sharing {
  readonly reuse: Reuse | null;
  readonly rejections: readonly Rejection[];
  readonly takenOver: TakenOver | null;
}

export function acquireLease(
  terms: LeaseTerms,
  environmentVersion: number,
  sharing: Sharing,
  result: AcquireResult,
): Decision<readonly LeaseEvent[]> {
  const requested: LeaseEvent[] = [
    { type: 'LeaseRequested', data: { ...terms, environmentVersion } },
    ...sharingEvents(sharing),
  ];
  switch (result.kind) {
    case 'failed': {
      const { failureReason } = result;
      return accepted([...requested, { type: 'LeaseFailed', data: { reasonCode: 'acquire_failed', failureReason } }]);
    }
    case 'queued': {
      const { effectId, timeoutSeconds } = result;
      return accepted([...requested, { type: 'ProvisioningRequested', data: { effectId, timeoutSeconds } }]);
    }
    case 'acquired': {
      const { effectId, acquisition } = result;
      // Named one by one: a driver's object may carry more than an event may hold.
      const { providerLeaseId, metadata, teardown, expiresAt = null } = acquisition;
      const activated = { effectId, providerLeaseId, metadata, teardown, expiresAt };
      return accepted([...requested, { type: 'LeaseActivated', data: activated }]);
    }
  }
}

function rejectionEvent({ leaseId, reasonCode, fields }: Rejection): LeaseEvent {
  return { type: 'ReuseRejected', data: { leaseId, reasonCode, fields: [...fields] } };
}

function sharingEvents({ reuse, rejections, takenOver }: Sharing): LeaseEvent[] {
  return [
    ...(reuse ? [{ type: 'ReuseAgreed', data: reuse } as const] : []),
    ...rejections.map(rejectionEvent),
    ...(takenOver ? [{ type: 'SandboxTakenOver', data: takenOver } as const] : []),
  ];
}

export interface ReleaseWish {
  readonly outcome: ReleaseOutcomeName;
  /** Null: what the outcome says. */
  readonly reasonCode: 'caller_gone' | null;
  readonly failureReason: string | null;
}

/**
 * What the driver's try to take back came to; `kept` where the policy keeps what the lease had; `later` where a worker is
 * to do it, as the effect with this id.
 */
export type CleanupResult =
  ReleaseOutcome | { readonly kept: Kept } | { readonly failed: string } | { readonly later: string };

/** Whether ending the lease this way leaves what it holds in place. */
export function retains(terms: LeaseTerms, outcome: ReleaseOutcomeName): boolean {
  return terms.leasePolicy === 'retain_on_failure' && outcome === 'failed';
}

/** Ends a lease. One that has ended already, or is about to, stays as it is: releasing again is no error. */
export function releaseLease(
  state: LeaseState,
  wish: ReleaseWish,
  cleanup: CleanupResult,
): Decision<readonly LeaseEvent[]> {
  if (state === null) return refused('lease_not_found', 'There is no lease with this id.');
  if (state.endedAt !== null || state.status === 'releasing') return accepted([]);
  if (state.status === 'requested') {
    return refused('lease_release_failed', 'The lease has only just been asked for.', { leaseId: state.id });
  }
  const reasons = {
    released: 'released_by_caller',
    expired: 'expired_by_caller',
    failed: 'adapter_or_run_failure',
  } as const satisfies Record<ReleaseOutcomeName, ReasonCode>;
  const failureReason = wish.failureReason ?? (wish.outcome === 'failed' ? 'adapter_or_run_failure' : null);
  const ending = { outcome: wish.outcome, reasonCode: wish.reasonCode ?? reasons[wish.outcome], failureReason };
  return accepted(endingEvents(state, { ...ending, deadline: null }, cleanup));
}

/**
 * The deadline of an active lease that has passed at `now` (ISO 8601); null for any other lease.
 * @param isSyncing its workspace is being moved
 */
export function passedDeadline(state: LeaseState, now: string, isSyncing: boolean): Deadline | null {
  if (state?.status !== 'active') return null;
  const deadline = deadlineOf(state.terms, state.grant, isSyncing || runsCommands(state));
  return deadline !== null && deadline.at <= now ? deadline : null;
}

/** Ends a lease whose deadline has passed at `now`; does nothing to any other. */
export function expireLease(
  state: LeaseState,
  now: string,
  isSyncing: boolean,
  cleanup: CleanupResult,
): Decision<readonly LeaseEvent[]> {
  const deadline = passedDeadline(state, now, isSyncing);
  if (state === null || deadline === null) return accepted([]);
  const { at, reasonCode } = deadline;
  return accepted(endingEvents(state, { outcome: 'expired', reasonCode, failureReason: null, deadline: at }, cleanup));
}

/** Ends a lease of an environment whose drain has passed its deadline; does nothing to one that ends already. */
export function drainLease(
  state: LeaseState,
  deadline: string,
  cleanup: CleanupResult,
): Decision<readonly LeaseEvent[]> {
  // One that was only just asked for is known more of in a moment.
  if (state === null || state.endedAt !== null || state.status === 'releasing' || state.status === 'requested') {
    return accepted([]);
  }
  const ending = { outcome: 'expired', reasonCode: 'drained', failureReason: null, deadline } as const;
  return accepted(endingEvents(state, ending, cleanup));
}

export function endingEvents(
  lease: Lease,
  ending: Extract<LeaseEvent, { type: 'LeaseReleaseRequested' }>['data'],
  cleanup: CleanupResult,
): LeaseEvent[] {
  const requested: LeaseEvent = { type: 'LeaseReleaseRequested', data: ending };
  const last = lastEvent(lease.terms, ending);
  const { effect } = lease;
  if (effect?.kind === 'provisioning') {
    // A worker may be making it right now: what it makes is known when it is done, and is then taken down.
    if (effect.underWay) return [requested];
    const overtaken: LeaseEvent = { type: 'ProvisioningOvertaken', data: { effectId: effect.effectId, grant: null } };
    if (!lease.inDoubt || !isLater(cleanup)) return [requested, overtaken, notRetained(last, ending)];
    return [requested, overtaken, { type: 'CleanupRequested', data: { effectId: cleanup.later } }];
  }
  if (isLater(cleanup)) return [requested, ...cleanupEvents(cleanup)];
  return [requested, ...cleanupEvents(cleanup), last];
}

/** What is recorded of a try to take back. */
export function cleanupEvents(cleanup: CleanupResult): LeaseEvent[] {
  if (cleanup === 'nothing_to_clean') return [];
  if (cleanup === 'cleaned') return [{ type: 'CleanupSucceeded', data: {} }];
  if ('kept' in cleanup) return [{ type: 'SandboxKept', data: cleanup.kept }];
  if ('later' in cleanup) return [{ type: 'CleanupRequested', data: { effectId: cleanup.later } }];
  return [{ type: 'CleanupFailed', data: { detail: cleanup.failed } }];
}

function isLater(cleanup: CleanupResult): cleanup is { readonly later: string } {
  return typeof cleanup === 'object' && 'later' in cleanup;
}

/** Nothing was made, so there is nothing to retain. */
function notRetained(last: LeaseEvent, { reasonCode, failureReason }: LeaseEnding): LeaseEvent {
  if (last.type !== 'LeaseRetained') return last;
  return { type: 'LeaseFailed', data: { reasonCode, failureReason: failureReason ?? reasonCode } };
}

/** The event that ends a lease whose end was asked for in this way. */
export function lastEvent(terms: LeaseTerms, { outcome, reasonCode, failureReason }: LeaseEnding): LeaseEvent {
  switch (outcome) {
    case 'released':
      return { type: 'LeaseReleased', data: {} };
    case 'expired':
      return { type: 'LeaseExpired', data: {} };
    case 'failed':
      // Nobody has used what provisioning left in time: there is nothing to look into.
      return retains(terms, outcome) && reasonCode !== 'provisioning_timeout'
        ? { type: 'LeaseRetained', data: {} }
        : { type: 'LeaseFailed', data: { reasonCode, failureReason: failureReason ?? reasonCode } };
  }
}
