import Type from 'typebox';
import { ENVIRONMENT_DRIVERS } from '../driver-contract/driver-names.js';
import { FAILURE_CLASSES } from '../driver-contract/driver-names.js';
import { defineEvent, type EventOf } from '../../event-sourcing/event-log/define-event.js';
import {
  ADAPTER_TYPES,
  DEADLINE_REASONS,
  DISCARD_REASONS,
  LEASE_POLICIES,
  REASON_CODES,
  REJECTION_REASONS,
  RELEASE_OUTCOMES,
  WORKSPACE_MODES,
} from './lease-names.js';

/*
 * The names and shapes below are the storage format. They are added to, never changed: a new shape is a new
 * schemaVersion with an upcaster, and a frozen sample in test/frozen-events.
 */

const Nullable = <T extends Type.TSchema>(schema: T): Type.TUnion<[T, Type.TNull]> => Type.Union([schema, Type.Null()]);
const JsonObject = Type.Record(Type.String(), Type.Unknown());
const Uuid = Type.String({ format: 'uuid' });
const Time = Type.String({ format: 'date-time' });
const Seconds = Nullable(Type.Integer({ minimum: 1 }));
const Reason = Type.Enum([...REASON_CODES]);
const Attempt = Type.Integer({ minimum: 1 });
const Failure = {
  failureClass: Type.Enum([...FAILURE_CLASSES]),
  reasonCode: Reason,
  failureReason: Type.String(),
};

/** Stream `lease-<id>`. The first event: what was asked for, and of which environment as it was then. */
export const LeaseRequested = defineEvent(
  'LeaseRequested',
  Type.Object({
    environmentId: Uuid,
    environmentVersion: Type.Integer({ minimum: 1 }),
    driver: Type.Enum([...ENVIRONMENT_DRIVERS]),
    provider: Nullable(Type.String()),
    heartbeatRunId: Nullable(Uuid),
    issueId: Nullable(Uuid),
    agentId: Nullable(Uuid),
    adapterType: Nullable(Type.Enum([...ADAPTER_TYPES])),
    executionWorkspaceId: Nullable(Uuid),
    executionWorkspaceMode: Nullable(Type.Enum([...WORKSPACE_MODES])),
    leasePolicy: Type.Enum([...LEASE_POLICIES]),
    priority: Type.Integer(),
    /** Seconds from activation until it expires, after its last use, and at the most however often it is renewed. */
    ttlSeconds: Seconds,
    idleTtlSeconds: Seconds,
    maxTtlSeconds: Seconds,
    /** Seconds before its end by itself at which an event says so; 0: none does. Since version 2. */
    expiryNoticeSeconds: Type.Integer({ minimum: 0 }),
    metadata: JsonObject,
  }),
  { schemaVersion: 2, upcasters: { 1: (data) => ({ ...(data as object), expiryNoticeSeconds: 0 }) } },
);

/** The intent: something is to be made. Recorded with the lease, before anything happens outside. */
export const ProvisioningRequested = defineEvent(
  'ProvisioningRequested',
  Type.Object({
    effectId: Uuid,
    /** The environment's limit as it was then: a lease that is not active by then fails. Null: none. Since version 2. */
    timeoutSeconds: Seconds,
  }),
  { schemaVersion: 2, upcasters: { 1: (data) => ({ ...(data as object), timeoutSeconds: null }) } },
);

/** A worker is about to ask the driver; `attempt` counts from 1. */
export const ProvisioningStarted = defineEvent(
  'ProvisioningStarted',
  Type.Object({ effectId: Uuid, attempt: Attempt }),
);

/** `inDoubt`: something may have been made all the same. `retryAt` null: it was the last attempt. */
export const ProvisioningAttemptFailed = defineEvent(
  'ProvisioningAttemptFailed',
  Type.Object({ effectId: Uuid, attempt: Attempt, ...Failure, inDoubt: Type.Boolean(), retryAt: Nullable(Time) }),
);

/** The end was asked for while it was being made; `grant` is what had been made by then, and is to be taken down. */
export const ProvisioningOvertaken = defineEvent(
  'ProvisioningOvertaken',
  Type.Object({
    effectId: Uuid,
    grant: Nullable(
      Type.Object({ providerLeaseId: Nullable(Type.String()), metadata: JsonObject, teardown: JsonObject }),
    ),
  }),
);

/**
 * The lease may take over what an ended one left, and leave what it holds to a later one. `key` says who shares with
 * whom; `fingerprint` has a digest for each thing that must be the same, by its name.
 */
export const ReuseAgreed = defineEvent(
  'ReuseAgreed',
  Type.Object({ key: Type.String(), fingerprint: Type.Record(Type.String(), Type.String()) }),
);

/** What that lease left is not used: `fields` of its fingerprint are not what they must be, or it could not be resumed. */
export const ReuseRejected = defineEvent(
  'ReuseRejected',
  Type.Object({ leaseId: Uuid, reasonCode: Type.Enum([...REJECTION_REASONS]), fields: Type.Array(Type.String()) }),
);

/** What that lease left is this one's from now on; recorded together with the other's SandboxHandedOn. */
export const SandboxTakenOver = defineEvent(
  'SandboxTakenOver',
  Type.Object({
    leaseId: Uuid,
    fence: Type.Integer({ minimum: 1 }),
    providerLeaseId: Nullable(Type.String()),
    teardown: JsonObject,
  }),
);

/** What the lease held stays when it ends, until then at the latest; who looks for `key` finds it. */
export const SandboxKept = defineEvent('SandboxKept', Type.Object({ key: Type.String(), until: Time }));

export const SandboxHandedOn = defineEvent('SandboxHandedOn', Type.Object({ leaseId: Uuid }));

/** What was kept, or handed on and not fit to be used, is to be taken down after all. */
export const SandboxDiscarded = defineEvent(
  'SandboxDiscarded',
  Type.Object({ reasonCode: Type.Enum([...DISCARD_REASONS]) }),
);

/** The environment is the holder's. `teardown` is all that taking it back will need. */
export const LeaseActivated = defineEvent(
  'LeaseActivated',
  Type.Object({
    effectId: Uuid,
    providerLeaseId: Nullable(Type.String()),
    metadata: JsonObject,
    teardown: JsonObject,
    /** When the provider takes it away by itself; null: never. Since version 2. */
    expiresAt: Nullable(Time),
  }),
  { schemaVersion: 2, upcasters: { 1: (data) => ({ ...(data as object), expiresAt: null }) } },
);

/**
 * Its holder has renewed it. `deadline`: until when its time to live lets it live now; null where it has none. Not every
 * renewal is an event (decision 0036).
 */
export const LeaseRenewed = defineEvent(
  'LeaseRenewed',
  Type.Object({ deadline: Nullable(Time), lastUsedAt: Time, renewedBy: Type.String() }),
);

/** The lease ends at `deadline` unless it is renewed or used. At most once for each deadline. */
export const LeaseExpiring = defineEvent(
  'LeaseExpiring',
  Type.Object({ deadline: Time, reasonCode: Type.Enum([...DEADLINE_REASONS]) }),
);

/**
 * An attempt may have made something that the log does not know and its provider does not show yet: until then it is looked
 * for, and what appears besides the lease's own is taken down.
 */
export const DoubtOpened = defineEvent('DoubtOpened', Type.Object({ effectId: Uuid, until: Time }));

/** What a lost attempt had made has appeared, and was taken down. */
export const LeftoverDestroyed = defineEvent(
  'LeftoverDestroyed',
  Type.Object({ effectId: Uuid, providerLeaseId: Type.String() }),
);

/** The provider shows by now whatever was made, and nothing is left of lost attempts. */
export const DoubtSettled = defineEvent('DoubtSettled', Type.Object({ effectId: Uuid }));

/** The end was asked for, or a deadline has passed; `deadline` is the one that was seen to have passed. */
export const LeaseReleaseRequested = defineEvent(
  'LeaseReleaseRequested',
  Type.Object({
    outcome: Type.Enum([...RELEASE_OUTCOMES]),
    reasonCode: Reason,
    failureReason: Nullable(Type.String()),
    deadline: Nullable(Time),
  }),
);

/** The intent: what the lease holds is to be taken back. */
export const CleanupRequested = defineEvent('CleanupRequested', Type.Object({ effectId: Uuid }));

export const CleanupStarted = defineEvent('CleanupStarted', Type.Object({ effectId: Uuid, attempt: Attempt }));

/** `retryAt` null: it was the last attempt, and the rest is an operator's. */
export const CleanupAttemptFailed = defineEvent(
  'CleanupAttemptFailed',
  Type.Object({ effectId: Uuid, attempt: Attempt, ...Failure, retryAt: Nullable(Time) }),
);

/** An operator has it tried again, from the first attempt. */
export const CleanupRetryRequested = defineEvent('CleanupRetryRequested', Type.Object({ effectId: Uuid }));

/** An operator says that nothing is left to be taken back, or that it does not matter. */
export const CleanupWrittenOff = defineEvent('CleanupWrittenOff', Type.Object({ note: Nullable(Type.String()) }));

export const CleanupSucceeded = defineEvent('CleanupSucceeded', Type.Object({}));

/** What the driver held for the lease could not be taken back. The lease ends all the same. */
export const CleanupFailed = defineEvent('CleanupFailed', Type.Object({ detail: Type.String() }));

export const LeaseReleased = defineEvent('LeaseReleased', Type.Object({}));

export const LeaseExpired = defineEvent('LeaseExpired', Type.Object({}));

export const LeaseFailed = defineEvent(
  'LeaseFailed',
  Type.Object({ reasonCode: Reason, failureReason: Type.String() }),
);

/** It failed, and its policy keeps what it had so that the failure can be looked into. */
export const LeaseRetained = defineEvent('LeaseRetained', Type.Object({}));

/**
 * A command is about to run in the lease's environment. Not its environment variables, its input or its output. Where
 * `argsCut` is, long arguments have only their beginning here: `bytes` are missing, and `sha256` is of all arguments in
 * full, a NUL behind each.
 */
export const ExecutionStarted = defineEvent(
  'ExecutionStarted',
  Type.Object({
    executionId: Uuid,
    command: Type.String(),
    args: Type.Array(Type.String()),
    argsCut: Nullable(Type.Object({ bytes: Type.Integer({ minimum: 1 }), sha256: Type.String() })),
    cwd: Nullable(Type.String()),
    timeoutMs: Type.Integer({ minimum: 1 }),
  }),
  { schemaVersion: 2, upcasters: { 1: (data) => ({ ...(data as object), argsCut: null }) } },
);

export const ExecutionFinished = defineEvent(
  'ExecutionFinished',
  Type.Object({
    executionId: Uuid,
    exitCode: Nullable(Type.Integer()),
    signal: Nullable(Type.String()),
    timedOut: Type.Boolean(),
    truncated: Type.Boolean(),
    durationMs: Type.Integer({ minimum: 0 }),
  }),
);

/**
 * It could not be run, was refused by the host (`stale_fence`), or nobody knows how it ended: the host was lost
 * (`connection_lost`), or the service's own process that ran it (`process_lost`).
 */
export const ExecutionFailed = defineEvent('ExecutionFailed', Type.Object({ executionId: Uuid, ...Failure }));

/** The workspace is there; `record` says where and how. No secrets. */
export const WorkspaceRealized = defineEvent('WorkspaceRealized', Type.Object({ record: JsonObject }));

/** Files have gone to the lease's environment, or come back from it; `summary` says how many of which kind. */
export const WorkspaceSynced = defineEvent(
  'WorkspaceSynced',
  Type.Object({ direction: Type.Enum(['in', 'out']), summary: JsonObject }),
);

/** A command said the fence of an earlier holder and was refused: the first one with each fence, and at most ten. */
export const StaleFenceRefused = defineEvent(
  'StaleFenceRefused',
  Type.Object({
    fence: Type.Integer({ minimum: 1 }),
    /** The part of its path behind the lease, such as `execute`. */
    command: Type.String(),
  }),
);

export const LEASE_EVENTS = [
  LeaseRequested,
  ProvisioningRequested,
  ProvisioningStarted,
  ProvisioningAttemptFailed,
  ProvisioningOvertaken,
  ReuseAgreed,
  ReuseRejected,
  SandboxTakenOver,
  LeaseActivated,
  LeaseRenewed,
  LeaseExpiring,
  DoubtOpened,
  LeftoverDestroyed,
  DoubtSettled,
  LeaseReleaseRequested,
  CleanupRequested,
  CleanupStarted,
  CleanupAttemptFailed,
  CleanupRetryRequested,
  CleanupWrittenOff,
  ExecutionStarted,
  ExecutionFinished,
  ExecutionFailed,
  WorkspaceRealized,
  WorkspaceSynced,
  CleanupSucceeded,
  CleanupFailed,
  LeaseReleased,
  LeaseExpired,
  LeaseFailed,
  LeaseRetained,
  SandboxKept,
  SandboxHandedOn,
  SandboxDiscarded,
  StaleFenceRefused,
] as const;

export type LeaseEvent = EventOf<(typeof LEASE_EVENTS)[number]>;

export const LEASE_CATEGORY = 'lease';

export function leaseStream(leaseId: string): string {
  return `lease-${leaseId}`;
}

export function leaseIdOf(stream: string): string {
  return stream.slice(leaseStream('').length);
}
