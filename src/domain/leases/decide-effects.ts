import { accepted, refused, type Decision } from '../../event-sourcing/commands/decision.js';
import type { Acquisition } from '../driver-contract/runtime-driver.js';
import { cleanupEvents, lastEvent, type CleanupResult } from './decide.js';
import type { LeaseEvent } from './events.js';
import type { DiscardReason } from './lease-names.js';
import type { EffectFailure, Kept, Lease, LeaseEffect, LeaseState } from './state.js';

/*
 * What a worker records about an effect. Every decision is about the effect with one id: when the lease has another one by
 * now, or none, the worker is late and records nothing.
 */

type Facts = readonly LeaseEvent[];

/** An effect may be what ends the processes that attempt it: it does not end the next one too. */
const MOST_LOST = 5;
const TOO_MANY_LOST: EffectFailure = {
  failureClass: 'permanent',
  reasonCode: 'attempts_lost',
  failureReason:
    `${MOST_LOST} attempts in a row were lost: the service stopped during each of them, or could not record its result. ` +
    'See the service’s log from before it stopped',
};

/** The lease's effect, when it is still the one with this id. */
export function pendingEffect(state: LeaseState, effectId: string): { lease: Lease; effect: LeaseEffect } | null {
  return state?.effect?.effectId === effectId ? { lease: state, effect: state.effect } : null;
}

/** Whether the next attempt is the last one, should it have no end either. */
export function isSuspect(effect: LeaseEffect): boolean {
  return lostBefore(effect) === MOST_LOST - 1;
}

function lostBefore({ underWay, lost }: LeaseEffect): number {
  return underWay ? lost + 1 : 0;
}

/**
 * An attempt is about to begin. A provisioning whose release was asked for meanwhile is not begun again: whatever an
 * earlier attempt may have made is for the cleanup to find. Nor is an effect whose attempts were lost one after the other.
 * @param cleanupId effect id of that cleanup
 */
export function beginAttempt(state: LeaseState, effectId: string, cleanupId: string): Facts {
  const pending = pendingEffect(state, effectId);
  if (pending === null) return [];
  const { lease, effect } = pending;
  if (lostBefore(effect) >= MOST_LOST) {
    return effect.kind === 'cleanup'
      ? cleanupFailed(state, effectId, TOO_MANY_LOST, null)
      : provisioningFailed(state, effectId, { ...TOO_MANY_LOST, inDoubt: true }, null, cleanupId);
  }
  const attempt = effect.attempts + 1;
  if (effect.kind === 'cleanup') return [{ type: 'CleanupStarted', data: { effectId, attempt } }];
  if (lease.status !== 'releasing') return [{ type: 'ProvisioningStarted', data: { effectId, attempt } }];
  const overtaken: LeaseEvent = { type: 'ProvisioningOvertaken', data: { effectId, grant: null } };
  return [overtaken, ...takenBack(lease, effect.attempts > 0 || lease.inDoubt, cleanupId)];
}

/**
 * The driver has made it; it is the holder's, unless the end was asked for meanwhile: then it is taken down again.
 * @param settled when (ISO 8601) the provider shows whatever was made until now; null: it does so at once
 */
export function provisioned(
  state: LeaseState,
  effectId: string,
  { providerLeaseId, metadata, teardown, expiresAt = null }: Acquisition,
  cleanupId: string,
  settled: string | null,
): Facts {
  const pending = pendingEffect(state, effectId);
  const grant = { providerLeaseId, metadata, teardown };
  const activated: LeaseEvent = {
    type: 'LeaseActivated',
    data: { effectId, ...grant, expiresAt },
  };
  if (pending?.lease.status === 'releasing') {
    return [
      { type: 'ProvisioningOvertaken', data: { effectId, grant } },
      { type: 'CleanupRequested', data: { effectId: cleanupId } },
      ...doubtIn(pending.lease, settled),
    ];
  }
  // The doubt first: who waits for the lease to be active sees it.
  if (pending) return [...doubtIn(pending.lease, settled), activated];
  // A worker that was given up for dead comes back after the lease was cleaned up: what it made is taken back once more.
  const late = state !== null && state.endedAt !== null && state.effect === null && state.grant === null;
  return late ? [{ type: 'CleanupRequested', data: { effectId: cleanupId } }] : [];
}

/** @param retryAt ISO 8601; null: it was the last attempt, and the lease fails. */
export function provisioningFailed(
  state: LeaseState,
  effectId: string,
  failure: EffectFailure & { readonly inDoubt: boolean },
  retryAt: string | null,
  cleanupId: string,
): Facts {
  const pending = pendingEffect(state, effectId);
  if (pending === null) return [];
  const { lease, effect } = pending;
  const releasing = lease.status === 'releasing';
  const attempt = effect.attempts;
  const again = releasing ? null : retryAt;
  const failed: LeaseEvent = {
    type: 'ProvisioningAttemptFailed',
    data: { effectId, attempt, ...failure, retryAt: again },
  };
  if (again !== null) return [failed];
  const inDoubt = lease.inDoubt || failure.inDoubt;
  if (releasing) return [failed, ...takenBack(lease, inDoubt, cleanupId)];
  const { reasonCode, failureReason } = failure;
  return [
    failed,
    ...(inDoubt ? [{ type: 'CleanupRequested', data: { effectId: cleanupId } } as const] : []),
    { type: 'LeaseFailed', data: { reasonCode, failureReason } },
  ];
}

/** What the lease held is gone; the end that waited for it is here. @param settled as of `provisioned` */
export function cleanedUp(state: LeaseState, effectId: string, settled: string | null): Facts {
  const pending = pendingEffect(state, effectId);
  if (pending === null) return [];
  const { lease } = pending;
  return [{ type: 'CleanupSucceeded', data: {} }, ...doubtIn(lease, settled), ...endOf(lease)];
}

/** What a lost attempt may have made is looked for until the provider shows it. */
function doubtIn({ provisioningId: effectId, mayHaveMade, doubt }: Lease, settled: string | null): LeaseEvent[] {
  if (settled === null || effectId === null || !mayHaveMade || doubt !== null) return [];
  return [{ type: 'DoubtOpened', data: { effectId, until: settled } }];
}

/**
 * What came of looking for what lost attempts have made.
 * @param destroyed what has appeared, and is taken down @param now ISO 8601
 */
export function lookedForLeftovers(state: LeaseState, destroyed: readonly string[], now: string): Facts {
  if (state === null || state.doubt === null) return [];
  const { effectId, until, destroyed: before } = state.doubt;
  const anew = destroyed.filter((providerLeaseId) => !before.includes(providerLeaseId));
  return [
    ...anew.map((providerLeaseId): LeaseEvent => ({ type: 'LeftoverDestroyed', data: { effectId, providerLeaseId } })),
    ...(until <= now ? [{ type: 'DoubtSettled', data: { effectId } } as const] : []),
  ];
}

/** What the lease held is left for others. */
export function leftBehind(state: LeaseState, effectId: string, kept: Kept): Facts {
  const pending = pendingEffect(state, effectId);
  if (pending === null) return [];
  return [{ type: 'SandboxKept', data: kept }, ...endOf(pending.lease)];
}

/** What an ended lease left is not fit to be used by the lease whose provisioning this is. */
export function takeoverFailed(state: LeaseState, effectId: string): Facts {
  const takenOver = pendingEffect(state, effectId)?.lease.takenOver ?? null;
  if (takenOver === null) return [];
  const { leaseId } = takenOver;
  return [{ type: 'ReuseRejected', data: { leaseId, reasonCode: 'resume_check_failed', fields: [] } }];
}

/** An ended lease's sandbox is taken down after all. */
export function discarded(reasonCode: DiscardReason, cleanup: CleanupResult): Facts {
  return [{ type: 'SandboxDiscarded', data: { reasonCode } }, ...cleanupEvents(cleanup)];
}

/** A cleanup that fails does not keep the lease from ending: it goes on by itself. */
export function cleanupFailed(
  state: LeaseState,
  effectId: string,
  failure: EffectFailure,
  retryAt: string | null,
): Facts {
  const pending = pendingEffect(state, effectId);
  if (pending === null) return [];
  const { lease, effect } = pending;
  const { attempts: attempt } = effect;
  return [{ type: 'CleanupAttemptFailed', data: { effectId, attempt, ...failure, retryAt } }, ...endOf(lease)];
}

/** An operator has a cleanup that failed tried again, now and from the first attempt. */
export function retryCleanup(state: LeaseState, effectId: string): Decision<Facts> {
  if (state === null) return refused('lease_not_found', 'There is no lease with this id.');
  return mayBeDecided(state)
    ? accepted([{ type: 'CleanupRetryRequested', data: { effectId } }])
    : refused('cleanup_not_failed', notFailed(state), { leaseId: state.id });
}

/** An operator takes over what is left: the lease's capacity is free from now on. */
export function writeOffCleanup(state: LeaseState, note: string | null): Decision<Facts> {
  if (state === null) return refused('lease_not_found', 'There is no lease with this id.');
  return mayBeDecided(state)
    ? accepted([{ type: 'CleanupWrittenOff', data: { note } }])
    : refused('cleanup_not_failed', notFailed(state), { leaseId: state.id });
}

function mayBeDecided({ cleanupStatus, cleanupWrittenOff }: Lease): boolean {
  return (cleanupStatus === 'failed' || cleanupStatus === 'irrevocable') && !cleanupWrittenOff;
}

function notFailed({ cleanupStatus, cleanupWrittenOff }: Lease): string {
  if (cleanupWrittenOff) return 'The cleanup has been written off.';
  return `The cleanup has not failed: it is ${cleanupStatus ?? 'not needed'}.`;
}

function takenBack(lease: Lease, inDoubt: boolean, cleanupId: string): LeaseEvent[] {
  return inDoubt ? [{ type: 'CleanupRequested', data: { effectId: cleanupId } }] : endOf(lease);
}

function endOf(lease: Lease): LeaseEvent[] {
  return lease.status === 'releasing' ? [lastEvent(lease.terms, lease.ending)] : [];
}
