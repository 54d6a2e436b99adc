import type { Recorded } from '../../event-sourcing/event-log/events.js';
import { secondsAfter } from './deadline.js';
import { leaseIdOf, type LeaseEvent } from './events.js';
import type { EffectFailure, Lease, LeaseEffect, LeaseGrant, LeaseState, NotYetActive } from './state.js';

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** The state after one more event. @throws Error where the event cannot follow what came before it */
export function evolveLease(state: LeaseState, event: Recorded<LeaseEvent>): Lease {
  if (event.type === 'LeaseRequested') {
    if (state !== null) throw brokenHistory(event);
    const { environmentVersion, ...terms } = event.data;
    return {
      id: leaseIdOf(event.stream),
      companyId: event.companyId,
      terms,
      environmentVersion,
      fence: event.position,
      effect: null,
      provisioningId: null,
      provisionBy: null,
      lastFailure: null,
      inDoubt: false,
      mayHaveMade: false,
      doubt: null,
      cleanupStatus: null,
      cleanupWrittenOff: false,
      workspaceRealization: null,
      executions: {},
      reuse: null,
      takenOver: null,
      rejections: [],
      kept: null,
      staleFences: [],
      createdAt: event.recordedAt,
      status: 'requested',
      grant: null,
      ending: null,
      endedAt: null,
      updatedAt: event.recordedAt,
      version: event.version,
      position: event.position,
    };
  }
  if (state === null) throw brokenHistory(event);
  const next = evolved(state, event);
  // Written into the copy that is made anyway: a second one would be most of what a fold costs.
  const copy: Mutable<Lease> = next === state ? { ...next } : next;
  copy.updatedAt = event.recordedAt;
  copy.version = event.version;
  copy.position = event.position;
  return copy;
}

function evolved(lease: Lease, event: Exclude<Recorded<LeaseEvent>, { type: 'LeaseRequested' }>): Lease {
  const endedAt = event.recordedAt;
  switch (event.type) {
    case 'ProvisioningRequested':
      if (lease.status !== 'requested') throw brokenHistory(event);
      return {
        ...lease,
        status: 'queued',
        provisioningId: event.data.effectId,
        provisionBy: provisionBy(event),
        effect: asked('provisioning', event),
      };
    case 'ReuseAgreed':
      return { ...lease, reuse: event.data };
    case 'ReuseRejected': {
      const { takenOver, rejections } = lease;
      const left = takenOver?.leaseId === event.data.leaseId ? null : takenOver;
      return { ...lease, takenOver: left, rejections: [...rejections, event.data] };
    }
    case 'SandboxTakenOver':
      // Until it is known to be this lease's, there is something to be taken back that the driver may not find.
      return { ...lease, takenOver: event.data, inDoubt: true };
    case 'ProvisioningStarted': {
      const { mayHaveMade } = withLostAttempt(lease);
      return { ...notActiveYet(lease, event), status: 'provisioning', effect: begun(lease, event), mayHaveMade };
    }
    case 'ProvisioningAttemptFailed': {
      const { inDoubt, retryAt } = event.data;
      // A release that came meanwhile has asked for the end: the failure does not change that.
      const failed = { ...lease, lastFailure: failureOf(event.data), inDoubt: lease.inDoubt || inDoubt };
      const mayHaveMade = lease.mayHaveMade || inDoubt;
      return { ...failed, mayHaveMade, effect: failedEffect(lease, event, retryAt) };
    }
    case 'ProvisioningOvertaken': {
      if (lease.status !== 'releasing') throw brokenHistory(event);
      const { grant } = event.data;
      const known = grant === null ? withLostAttempt(lease) : lease;
      return { ...known, effect: null, grant: grant && grantOf(grant, event.recordedAt) };
    }
    case 'LeaseActivated': {
      const { providerLeaseId, metadata, teardown, expiresAt } = event.data;
      const grant = grantOf({ providerLeaseId, metadata, teardown }, event.recordedAt, expiresAt);
      return { ...notActiveYet(lease, event), status: 'active', effect: null, lastFailure: null, grant };
    }
    case 'LeaseRenewed': {
      const active = activeNow(lease, event);
      const { deadline: until, lastUsedAt, renewedBy: by } = event.data;
      return { ...active, grant: { ...active.grant, renewal: { until, by }, lastUsedAt } };
    }
    case 'LeaseExpiring': {
      const active = activeNow(lease, event);
      const { deadline, reasonCode } = event.data;
      const notices = { ...active.grant.notices, [reasonCode]: deadline };
      return { ...active, grant: { ...active.grant, notices } };
    }
    case 'DoubtOpened':
      return {
        ...lease,
        doubt: { ...event.data, destroyed: [], correlationId: event.correlationId, requestedBy: event.id },
      };
    case 'LeftoverDestroyed': {
      const { doubt } = lease;
      if (doubt === null) throw brokenHistory(event);
      return { ...lease, doubt: { ...doubt, destroyed: [...doubt.destroyed, event.data.providerLeaseId] } };
    }
    case 'DoubtSettled':
      return { ...lease, doubt: null };
    case 'LeaseReleaseRequested': {
      if (lease.status === 'releasing' || lease.endedAt !== null) throw brokenHistory(event);
      const { outcome, reasonCode, failureReason } = event.data;
      return { ...lease, status: 'releasing', ending: { outcome, reasonCode, failureReason } };
    }
    case 'SandboxKept':
      return { ...lease, kept: event.data, effect: null, cleanupStatus: null };
    case 'SandboxHandedOn':
    case 'SandboxDiscarded':
      return { ...lease, kept: null };
    case 'CleanupRequested':
    case 'CleanupRetryRequested':
      return { ...lease, cleanupStatus: 'pending', effect: asked('cleanup', event) };
    case 'CleanupStarted':
      return { ...lease, cleanupStatus: 'running', effect: begun(lease, event) };
    case 'CleanupAttemptFailed': {
      const { retryAt } = event.data;
      const cleanupStatus = retryAt === null ? 'irrevocable' : 'failed';
      const settled = failedEffect(lease, event, retryAt);
      return { ...lease, cleanupStatus, lastFailure: failureOf(event.data), effect: settled };
    }
    case 'CleanupWrittenOff':
      return { ...lease, cleanupStatus: 'irrevocable', cleanupWrittenOff: true, effect: null };
    case 'CleanupSucceeded':
      return { ...lease, cleanupStatus: 'success', effect: null, lastFailure: null };
    case 'CleanupFailed':
      return { ...lease, cleanupStatus: 'failed' };
    case 'ExecutionStarted': {
      const endsBy = new Date(Date.parse(event.recordedAt) + event.data.timeoutMs).toISOString();
      const executions = { ...lease.executions, [event.data.executionId]: endsBy };
      return { ...used(lease, event.recordedAt), executions };
    }
    case 'ExecutionFinished':
    case 'ExecutionFailed': {
      const { [event.data.executionId]: ended, ...executions } = lease.executions;
      return ended === undefined ? lease : { ...used(lease, event.recordedAt), executions };
    }
    case 'WorkspaceRealized':
      return { ...used(lease, event.recordedAt), workspaceRealization: event.data.record };
    case 'WorkspaceSynced':
      return used(lease, event.recordedAt);
    case 'StaleFenceRefused':
      return { ...lease, staleFences: [...lease.staleFences, event.data.fence] };
    case 'LeaseReleased':
      return { ...ending(lease, event), status: 'released', endedAt };
    case 'LeaseExpired':
      return { ...ending(lease, event), status: 'expired', endedAt };
    case 'LeaseRetained':
      return { ...ending(lease, event), status: 'retained', endedAt };
    case 'LeaseFailed': {
      const { effect: last } = lease;
      const pending = last?.kind === 'cleanup' ? last : null;
      return {
        ...lease,
        status: 'failed',
        effect: pending,
        ending: { outcome: 'failed', ...event.data },
        endedAt,
      };
    }
  }
}

type Asked = Extract<
  Recorded<LeaseEvent>,
  { type: 'ProvisioningRequested' | 'CleanupRequested' | 'CleanupRetryRequested' }
>;

function asked(kind: LeaseEffect['kind'], { data: { effectId }, correlationId, id: requestedBy }: Asked): LeaseEffect {
  return { kind, effectId, attempts: 0, underWay: false, lost: 0, dueAt: null, correlationId, requestedBy };
}

function provisionBy({ recordedAt, data }: Extract<Asked, { type: 'ProvisioningRequested' }>): string | null {
  return data.timeoutSeconds === null ? null : secondsAfter(recordedAt, data.timeoutSeconds);
}

type Started = Extract<Recorded<LeaseEvent>, { type: 'ProvisioningStarted' | 'CleanupStarted' }>;
type AttemptFailed = Extract<Recorded<LeaseEvent>, { type: 'ProvisioningAttemptFailed' | 'CleanupAttemptFailed' }>;

function begun(lease: Lease, event: Started): LeaseEffect {
  const { effectId, attempt } = event.data;
  const { effect } = lease;
  if (effect?.effectId !== effectId) throw brokenHistory(event);
  return { ...effect, attempts: attempt, underWay: true, lost: effect.underWay ? effect.lost + 1 : 0, dueAt: null };
}

function failedEffect(lease: Lease, event: AttemptFailed, retryAt: string | null): LeaseEffect | null {
  if (lease.effect?.effectId !== event.data.effectId) throw brokenHistory(event);
  return retryAt === null ? null : { ...lease.effect, underWay: false, lost: 0, dueAt: retryAt };
}

/** An attempt under way that is followed by another, or by none, has no end that the log knows of. */
function withLostAttempt<L extends Lease>(lease: L): L {
  return lease.effect?.underWay ? { ...lease, mayHaveMade: true } : lease;
}

function failureOf({ failureClass, reasonCode, failureReason }: EffectFailure): EffectFailure {
  return { failureClass, reasonCode, failureReason };
}

function grantOf(
  given: Pick<LeaseGrant, 'providerLeaseId' | 'metadata' | 'teardown'>,
  at: string,
  expiresAt: string | null = null,
): LeaseGrant {
  return { ...given, expiresAt, acquiredAt: at, lastUsedAt: at, renewal: null, notices: {} };
}

/** A use puts off the end by idling; one that is told of after the end changes nothing. */
function used(lease: Lease, at: string): Lease {
  return lease.status === 'active' ? { ...lease, grant: { ...lease.grant, lastUsedAt: at } } : lease;
}

function notActiveYet(lease: Lease, event: Recorded<LeaseEvent>): Extract<Lease, { status: NotYetActive }> {
  if (lease.status !== 'requested' && lease.status !== 'queued' && lease.status !== 'provisioning') {
    throw brokenHistory(event);
  }
  return lease;
}

function activeNow(lease: Lease, event: Recorded<LeaseEvent>): Extract<Lease, { status: 'active' }> {
  if (lease.status !== 'active') throw brokenHistory(event);
  return lease;
}

function ending(lease: Lease, event: Recorded<LeaseEvent>): Extract<Lease, { status: 'releasing' }> {
  if (lease.status !== 'releasing') throw brokenHistory(event);
  return lease;
}

function brokenHistory(event: Recorded<LeaseEvent>): Error {
  return new Error(`${event.type} at position ${event.position} cannot follow what came before it in ${event.stream}.`);
}
