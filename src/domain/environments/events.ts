import Type from 'typebox';
import { DRIVER_REASONS } from '../driver-contract/driver-names.js';
import { defineEvent, type EventOf } from '../../event-sourcing/event-log/define-event.js';
import { ENVIRONMENT_DRIVERS } from '../driver-contract/driver-names.js';
import { ENVIRONMENT_STATUSES, ON_DEADLINE } from './environment-names.js';

/*
 * The names and shapes below are the storage format. They are added to, never changed: a new shape is a new
 * schemaVersion with an upcaster, and a frozen sample in test/frozen-events.
 */

const JsonObject = Type.Record(Type.String(), Type.Unknown());
const Nullable = <T extends Type.TSchema>(schema: T): Type.TUnion<[T, Type.TNull]> => Type.Union([schema, Type.Null()]);
const Driver = Type.Enum([...ENVIRONMENT_DRIVERS]);
const Status = Type.Enum([...ENVIRONMENT_STATUSES]);
const Time = Type.String({ format: 'date-time' });
const Milliseconds = Type.Integer({ minimum: 0 });
/** Since version 2: what commands on its leases must send, and how long their provisioning may take. */
const ForLeases = { requireFence: Type.Boolean(), provisioningTimeoutSeconds: Type.Integer({ minimum: 1 }) };

/** Stream `environment-<id>`. Config is complete and validated by the driver; secrets are never in it. */
export const EnvironmentCreated = defineEvent(
  'EnvironmentCreated',
  Type.Object({
    name: Type.String(),
    description: Nullable(Type.String()),
    driver: Driver,
    config: JsonObject,
    metadata: Nullable(JsonObject),
    ...ForLeases,
  }),
  {
    schemaVersion: 2,
    upcasters: { 1: (data) => ({ ...(data as object), requireFence: false, provisioningTimeoutSeconds: 3600 }) },
  },
);

/** Only what changed, each as it is from now on. */
export const EnvironmentChanged = defineEvent(
  'EnvironmentChanged',
  Type.Partial(
    Type.Object({
      name: Type.String(),
      description: Nullable(Type.String()),
      driver: Driver,
      status: Status,
      config: JsonObject,
      metadata: Nullable(JsonObject),
      ...ForLeases,
    }),
  ),
  { schemaVersion: 2, upcasters: { 1: (data) => data } },
);

/** Somebody looked whether it can be used, and found this. It changes nothing of the environment. */
export const EnvironmentProbed = defineEvent(
  'EnvironmentProbed',
  Type.Object({
    driver: Driver,
    ok: Type.Boolean(),
    /** Null where it can be used. */
    reasonCode: Nullable(Type.Enum([...DRIVER_REASONS])),
    summary: Type.String(),
    durationMs: Milliseconds,
    steps: Type.Array(Type.Object({ step: Type.String(), ok: Type.Boolean(), durationMs: Milliseconds })),
  }),
);

/** It takes no new leases from now on; the leases there go on. `reason` is the operator's. */
export const EnvironmentCordoned = defineEvent('EnvironmentCordoned', Type.Object({ reason: Nullable(Type.String()) }));

/**
 * It takes no new leases, and is to be empty: the leases there end by themselves, or are ended at the deadline where
 * `onDeadline` is `release`. One that is recorded later counts instead.
 */
export const EnvironmentDrainRequested = defineEvent(
  'EnvironmentDrainRequested',
  Type.Object({ deadline: Time, onDeadline: Type.Enum([...ON_DEADLINE]), reason: Nullable(Type.String()) }),
);

/** Its last lease is gone, with all that was to be cleaned up. It still takes no new ones. */
export const EnvironmentDrained = defineEvent('EnvironmentDrained', Type.Object({}));

/**
 * So many provisioning failures in a row that it takes no new leases until a probe finds it usable, first after so many seconds.
 * The last failure was that of the lease.
 */
export const EnvironmentQuarantined = defineEvent(
  'EnvironmentQuarantined',
  Type.Object({
    failures: Type.Integer({ minimum: 1 }),
    reasonCode: Type.String(),
    leaseId: Type.String({ format: 'uuid' }),
    waitSeconds: Type.Integer({ minimum: 1 }),
  }),
);

/** It was quarantined, and can be used again. */
export const EnvironmentRecovered = defineEvent('EnvironmentRecovered', Type.Object({}));

/** It takes leases again; a drain or a quarantine is over. */
export const EnvironmentUncordoned = defineEvent('EnvironmentUncordoned', Type.Object({}));

/** The environment is gone for new leases and from lists; its history stays. */
export const EnvironmentDeleted = defineEvent('EnvironmentDeleted', Type.Object({}));

/**
 * Stream `local-environment-<companyId>`: which environment is the company's one `local` environment. It is written in
 * one append with the environment's own event, so two can never be claimed at once.
 */
export const LocalEnvironmentClaimed = defineEvent(
  'LocalEnvironmentClaimed',
  Type.Object({ environmentId: Type.String({ format: 'uuid' }) }),
);

export const LocalEnvironmentFreed = defineEvent(
  'LocalEnvironmentFreed',
  Type.Object({ environmentId: Type.String({ format: 'uuid' }) }),
);

export const ENVIRONMENT_EVENTS = [
  EnvironmentCreated,
  EnvironmentChanged,
  EnvironmentProbed,
  EnvironmentCordoned,
  EnvironmentDrainRequested,
  EnvironmentDrained,
  EnvironmentQuarantined,
  EnvironmentRecovered,
  EnvironmentUncordoned,
  EnvironmentDeleted,
] as const;
export const LOCAL_ENVIRONMENT_EVENTS = [LocalEnvironmentClaimed, LocalEnvironmentFreed] as const;

export type EnvironmentEvent = EventOf<(typeof ENVIRONMENT_EVENTS)[number]>;
/** What a probe found, as it is recorded. */
export type ProbeFinding = Extract<EnvironmentEvent, { type: 'EnvironmentProbed' }>['data'];
export type LocalEnvironmentEvent = EventOf<(typeof LOCAL_ENVIRONMENT_EVENTS)[number]>;

export const ENVIRONMENT_CATEGORY = 'environment';
export const LOCAL_ENVIRONMENT_CATEGORY = 'local-environment';

export function environmentStream(environmentId: string): string {
  return `environment-${environmentId}`;
}

export function localEnvironmentStream(companyId: string): string {
  return `local-environment-${companyId}`;
}
