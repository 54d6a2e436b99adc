import type { FailureClass } from '../drivers/driver-names.js';
import type { EnvironmentDriver } from '../environments/driver-names.js';
import type { Recorded } from '../event-log/events.js';
import { leaseIdOf, type LeaseEvent } from './events.js';
import type {
  AdapterType,
  CleanupStatus,
  LeasePolicy,
  ReasonCode,
  RejectionReason,
  ReleaseOutcomeName,
  WorkspaceMode,
} from './lease-names.js';

export type JsonObject = Record<string, unknown>;

/** What was asked for; it never changes. */
export interface LeaseTerms {
  readonly environmentId: string;
  readonly driver: EnvironmentDriver;
  readonly provider: string | null;
  readonly heartbeatRunId: string | null;
  readonly issueId: string | null;
  readonly agentId: string | null;
  readonly adapterType: AdapterType | null;
  readonly executionWorkspaceId: string | null;
  readonly executionWorkspaceMode: WorkspaceMode | null;
  readonly leasePolicy: LeasePolicy;
  readonly priority: number;
  readonly ttlSeconds: number | null;
  readonly idleTtlSeconds: number | null;
  readonly maxTtlSeconds: number | null;
  readonly metadata: JsonObject;
}

/** What the driver gave. */
export interface LeaseGrant {
  readonly providerLeaseId: string | null;
  readonly metadata: JsonObject;
  readonly teardown: JsonObject;
  /** ISO 8601 times. */
  readonly acquiredAt: string;
  readonly lastUsedAt: string;
}

export interface LeaseEnding {
  readonly outcome: ReleaseOutcomeName;
  readonly reasonCode: ReasonCode;
  readonly failureReason: string | null;
}

/** An effect that is asked for and not settled yet: the worker's, or waiting for it. A lease has one at a time. */
export interface LeaseEffect {
  readonly kind: 'provisioning' | 'cleanup';
  readonly effectId: string;
  /** Attempts begun. */
  readonly attempts: number;
  /** Whether the last attempt begun has neither succeeded nor failed, as far as the log knows. */
  readonly underWay: boolean;
  /** When the next attempt is due (ISO 8601); null: now. */
  readonly dueAt: string | null;
  /** Of the event that asked for it: what the worker records belongs to the same request. */
  readonly correlationId: string | null;
  readonly requestedBy: string;
}

/** The last failure of an effect. */
export interface EffectFailure {
  readonly failureClass: FailureClass;
  readonly reasonCode: ReasonCode;
  readonly failureReason: string;
}

/** Who shares sandboxes with whom, and what must be the same: a digest for each thing, by its name. */
export interface Reuse {
  readonly key: string;
  readonly fingerprint: Readonly<Record<string, string>>;
}

/** What an ended lease left to this one. */
export interface TakenOver {
  readonly leaseId: string;
  readonly fence: number;
  readonly providerLeaseId: string | null;
  readonly teardown: JsonObject;
}

export interface Rejection {
  readonly leaseId: string;
  readonly reasonCode: RejectionReason;
  /** Names in the fingerprint. */
  readonly fields: readonly string[];
}

/** What an ended lease still holds, for whoever asks for `key`; at `until` (ISO 8601) it is taken down. */
export interface Kept {
  readonly key: string;
  readonly until: string;
}

type NotYetActive = 'requested' | 'queued' | 'provisioning';

/** With null where a phase has nothing: a field that is added to a copy costs thirty times one that is set. */
type Phase =
  | {
      readonly status: NotYetActive;
      readonly grant: null;
      readonly ending: null;
      readonly endedAt: null;
    }
  | { readonly status: 'active'; readonly grant: LeaseGrant; readonly ending: null; readonly endedAt: null }
  | {
      readonly status: 'releasing';
      /** Null while it is still to be seen what provisioning has made. */
      readonly grant: LeaseGrant | null;
      readonly ending: LeaseEnding;
      readonly endedAt: null;
    }
  | {
      readonly status: 'released' | 'expired' | 'retained' | 'failed';
      /** Null when it ended before the driver gave anything. */
      readonly grant: LeaseGrant | null;
      readonly ending: LeaseEnding;
      readonly endedAt: string;
    };

export type Lease = {
  readonly id: string;
  readonly companyId: string;
  readonly terms: LeaseTerms;
  /** Version of the environment that it was acquired with. */
  readonly environmentVersion: number;
  /** Log position of the lease's first event: it only grows, and a holder with a lower one is refused. */
  readonly fence: number;
  readonly effect: LeaseEffect | null;
  /** Effect id of its provisioning; null where the driver acquires at once. */
  readonly provisioningId: string | null;
  readonly lastFailure: EffectFailure | null;
  /** Whether a failed attempt may have made something. */
  readonly inDoubt: boolean;
  readonly cleanupStatus: CleanupStatus | null;
  readonly cleanupWrittenOff: boolean;
  /** The seed's record of the workspace, once it is realized. */
  readonly workspaceRealization: JsonObject | null;
  /** Executions that have started and not ended, with the time (ISO 8601) by which each has ended at the latest. */
  readonly executions: Readonly<Record<string, string>>;
  /** Null where nothing is shared. */
  readonly reuse: Reuse | null;
  readonly takenOver: TakenOver | null;
  readonly rejections: readonly Rejection[];
  readonly kept: Kept | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly version: number;
  /** Log position of its newest event. */
  readonly position: number;
} & Phase;

export type LeaseState = Lease | null;

export const initialLease: LeaseState = null;

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** Whether something of the lease may still have to be taken back: until then its capacity is taken. */
export function isSettled(lease: Lease): boolean {
  if (lease.endedAt === null) return false;
  const { cleanupStatus, cleanupWrittenOff, kept } = lease;
  if (kept !== null) return false;
  return cleanupStatus === null || cleanupStatus === 'success' || cleanupWrittenOff;
}

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
      lastFailure: null,
      inDoubt: false,
      cleanupStatus: null,
      cleanupWrittenOff: false,
      workspaceRealization: null,
      executions: {},
      reuse: null,
      takenOver: null,
      rejections: [],
      kept: null,
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
      return { ...lease, status: 'queued', provisioningId: event.data.effectId, effect: asked('provisioning', event) };
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
    case 'ProvisioningStarted':
      return { ...notActiveYet(lease, event), status: 'provisioning', effect: begun(lease, event) };
    case 'ProvisioningAttemptFailed': {
      const { inDoubt, retryAt } = event.data;
      // A release that came meanwhile has asked for the end: the failure does not change that.
      const failed = { ...lease, lastFailure: failureOf(event.data), inDoubt: lease.inDoubt || inDoubt };
      return { ...failed, effect: failedEffect(lease, event, retryAt) };
    }
    case 'ProvisioningOvertaken': {
      if (lease.status !== 'releasing') throw brokenHistory(event);
      return { ...lease, effect: null, grant: event.data.grant && grantOf(event.data.grant, event.recordedAt) };
    }
    case 'LeaseActivated': {
      const { providerLeaseId, metadata, teardown } = event.data;
      const grant = grantOf({ providerLeaseId, metadata, teardown }, event.recordedAt);
      return { ...notActiveYet(lease, event), status: 'active', effect: null, lastFailure: null, grant };
    }
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
  return { kind, effectId, attempts: 0, underWay: false, dueAt: null, correlationId, requestedBy };
}

type Started = Extract<Recorded<LeaseEvent>, { type: 'ProvisioningStarted' | 'CleanupStarted' }>;
type AttemptFailed = Extract<Recorded<LeaseEvent>, { type: 'ProvisioningAttemptFailed' | 'CleanupAttemptFailed' }>;

function begun(lease: Lease, event: Started): LeaseEffect {
  const { effectId, attempt } = event.data;
  if (lease.effect?.effectId !== effectId) throw brokenHistory(event);
  return { ...lease.effect, attempts: attempt, underWay: true, dueAt: null };
}

function failedEffect(lease: Lease, event: AttemptFailed, retryAt: string | null): LeaseEffect | null {
  if (lease.effect?.effectId !== event.data.effectId) throw brokenHistory(event);
  return retryAt === null ? null : { ...lease.effect, underWay: false, dueAt: retryAt };
}

function failureOf({ failureClass, reasonCode, failureReason }: EffectFailure): EffectFailure {
  return { failureClass, reasonCode, failureReason };
}

function grantOf(given: Omit<LeaseGrant, 'acquiredAt' | 'lastUsedAt'>, at: string): LeaseGrant {
  return { ...given, acquiredAt: at, lastUsedAt: at };
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

function ending(lease: Lease, event: Recorded<LeaseEvent>): Extract<Lease, { status: 'releasing' }> {
  if (lease.status !== 'releasing') throw brokenHistory(event);
  return lease;
}

function brokenHistory(event: Recorded<LeaseEvent>): Error {
  return new Error(`${event.type} at position ${event.position} cannot follow what came before it in ${event.stream}.`);
}
