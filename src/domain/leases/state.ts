import type { FailureClass } from '../driver-contract/driver-names.js';
import type { EnvironmentDriver } from '../driver-contract/driver-names.js';
import type {
  AdapterType,
  CleanupStatus,
  DeadlineReason,
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
  /** Seconds before its end by itself at which an event says so; 0: none does. */
  readonly expiryNoticeSeconds: number;
  readonly metadata: JsonObject;
}

/** The last renewal that the log knows. */
export interface LastRenewal {
  /** Until when its time to live lets the lease live (ISO 8601); null where it has none. */
  readonly until: string | null;
  readonly by: string;
}

/** What the driver gave. */
export interface LeaseGrant {
  readonly providerLeaseId: string | null;
  readonly metadata: JsonObject;
  readonly teardown: JsonObject;
  /** ISO 8601 times; the provider's own end of it, or null. */
  readonly expiresAt: string | null;
  readonly acquiredAt: string;
  readonly lastUsedAt: string;
  readonly renewal: LastRenewal | null;
  /** The last deadline by each limit that an event has told of before it came. */
  readonly notices: Readonly<Partial<Record<DeadlineReason, string>>>;
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
  /** Attempts in a row, before the one under way, that have neither: their processes died, or could not reach the log. */
  readonly lost: number;
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

/** What lost attempts of an effect have made may appear until then (ISO 8601). */
export interface Doubt {
  readonly effectId: string;
  readonly until: string;
  /** What has appeared and is taken down. */
  readonly destroyed: readonly string[];
  /** As those of an effect. */
  readonly correlationId: string | null;
  readonly requestedBy: string;
}

export type NotYetActive = 'requested' | 'queued' | 'provisioning';

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
  /** When it fails if it is not active by then (ISO 8601); null: it does not. */
  readonly provisionBy: string | null;
  readonly lastFailure: EffectFailure | null;
  /** Whether there may be something to be taken back that the log does not know. */
  readonly inDoubt: boolean;
  /** Whether an attempt at provisioning that failed or was lost may have made something. */
  readonly mayHaveMade: boolean;
  /** Until when what it made may still appear; null: nothing is in doubt. */
  readonly doubt: Doubt | null;
  readonly cleanupStatus: CleanupStatus | null;
  readonly cleanupWrittenOff: boolean;
  /** The record of the workspace, once it is realized. */
  readonly workspaceRealization: JsonObject | null;
  /** Executions that have started and not ended, with the time (ISO 8601) by which each has ended at the latest. */
  readonly executions: Readonly<Record<string, string>>;
  /** Null where nothing is shared. */
  readonly reuse: Reuse | null;
  readonly takenOver: TakenOver | null;
  readonly rejections: readonly Rejection[];
  readonly kept: Kept | null;
  /** Of earlier holders whose commands were refused, as far as that is recorded. */
  readonly staleFences: readonly number[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly version: number;
  /** Log position of its newest event. */
  readonly position: number;
} & Phase;

export type LeaseState = Lease | null;

export const initialLease: LeaseState = null;

/** Whether something of the lease may still have to be taken back: until then its capacity is taken. */
export function isSettled(lease: Lease): boolean {
  if (lease.endedAt === null) return false;
  const { cleanupStatus, cleanupWrittenOff, kept, doubt } = lease;
  if (kept !== null || doubt !== null) return false;
  return cleanupStatus === null || cleanupStatus === 'success' || cleanupWrittenOff;
}
