import Type from 'typebox';
import { ENVIRONMENT_DRIVERS } from '../environments/driver-names.js';
import { defineEvent, type EventOf } from '../event-log/define-event.js';
import { ADAPTER_TYPES, LEASE_POLICIES, REASON_CODES, RELEASE_OUTCOMES, WORKSPACE_MODES } from './lease-names.js';

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
    metadata: JsonObject,
  }),
);

/** The environment is the holder's. `teardown` is all that taking it back will need. */
export const LeaseActivated = defineEvent(
  'LeaseActivated',
  Type.Object({
    effectId: Uuid,
    providerLeaseId: Nullable(Type.String()),
    metadata: JsonObject,
    teardown: JsonObject,
  }),
);

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

export const LEASE_EVENTS = [
  LeaseRequested,
  LeaseActivated,
  LeaseReleaseRequested,
  CleanupSucceeded,
  CleanupFailed,
  LeaseReleased,
  LeaseExpired,
  LeaseFailed,
  LeaseRetained,
] as const;

export type LeaseEvent = EventOf<(typeof LEASE_EVENTS)[number]>;

export const LEASE_CATEGORY = 'lease';

export function leaseStream(leaseId: string): string {
  return `lease-${leaseId}`;
}

export function leaseIdOf(stream: string): string {
  return stream.slice(leaseStream('').length);
}
