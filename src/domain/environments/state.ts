import type { Recorded } from '../../event-sourcing/event-log/events.js';
import type { EnvironmentDriver } from '../driver-contract/driver-names.js';
import type { CordonedBy, EnvironmentStatus, OnDeadline } from './environment-names.js';
import { environmentStream, type EnvironmentEvent, type LocalEnvironmentEvent } from './events.js';

type EnvironmentChangedEvent = Extract<EnvironmentEvent, { type: 'EnvironmentChanged' }>;

/** Between two probes of a quarantined environment. */
export const LONGEST_WAIT_SECONDS = 3_600;

export type JsonObject = Record<string, unknown>;

/** Why an environment takes no new leases. */
export interface Cordon {
  readonly by: CordonedBy;
  /** ISO 8601. */
  readonly since: string;
  readonly reason: string | null;
}

/** An environment that is to be empty. */
export interface Drain {
  /** ISO 8601. */
  readonly deadline: string;
  readonly onDeadline: OnDeadline;
  /** When its last lease was gone (ISO 8601); null: there are some. */
  readonly drainedAt: string | null;
}

/** An environment in which so many leases failed that it is left alone for a while. */
export interface Quarantine {
  /** Provisioning failures in a row, and the last one's reason. */
  readonly failures: number;
  readonly reasonCode: string;
  /** Since it began: none of them found it usable. */
  readonly probes: number;
  readonly waitSeconds: number;
  /** ISO 8601. */
  readonly nextProbeAt: string;
}

/** An environment as it is in JSON too: names are contracts, added to and never changed. */
export interface Environment {
  readonly id: string;
  readonly companyId: string;
  readonly name: string;
  readonly description: string | null;
  readonly driver: EnvironmentDriver;
  readonly status: EnvironmentStatus;
  readonly config: JsonObject;
  readonly metadata: JsonObject | null;
  /** Whether a command on one of its leases must say the lease's fence. */
  readonly requireFence: boolean;
  /** From the request on: a lease that is not active by then fails. */
  readonly provisioningTimeoutSeconds: number;
  /** Null: it takes new leases. */
  readonly cordoned: Cordon | null;
  readonly drain: Drain | null;
  readonly quarantine: Quarantine | null;
  /** ISO 8601 times. */
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Of its stream, after what changed it last. */
  readonly version: number;
  /** Log position of what changed it last. */
  readonly position: number;
}

export type EnvironmentState =
  | { readonly kind: 'none' }
  | { readonly kind: 'present'; readonly environment: Environment }
  | { readonly kind: 'deleted'; readonly environment: Environment };

export const initialEnvironment: EnvironmentState = { kind: 'none' };

export function evolveEnvironment(state: EnvironmentState, event: Recorded<EnvironmentEvent>): EnvironmentState {
  const at = { updatedAt: event.recordedAt, version: event.version, position: event.position };
  switch (event.type) {
    case 'EnvironmentCreated': {
      if (state.kind !== 'none') throw brokenHistory(event);
      const { name, description, driver, config, metadata, requireFence, provisioningTimeoutSeconds } = event.data;
      return {
        kind: 'present',
        environment: {
          id: event.stream.slice(environmentStream('').length),
          companyId: event.companyId,
          name,
          description,
          driver,
          status: 'active',
          config,
          metadata,
          requireFence,
          provisioningTimeoutSeconds,
          cordoned: null,
          drain: null,
          quarantine: null,
          createdAt: event.recordedAt,
          ...at,
        },
      };
    }
    case 'EnvironmentChanged':
      return { kind: 'present', environment: { ...probedAtOnce(present(state, event), event), ...event.data, ...at } };
    // Its version stays too: a caller who probes before he changes it has still read the newest.
    case 'EnvironmentProbed': {
      const environment = present(state, event);
      const quarantine = event.data.ok ? environment.quarantine : laterProbe(environment.quarantine, event.recordedAt);
      return { kind: 'present', environment: { ...environment, quarantine } };
    }
    case 'EnvironmentCordoned': {
      const cordoned: Cordon = { by: 'operator', since: event.recordedAt, reason: event.data.reason };
      return { kind: 'present', environment: { ...present(state, event), cordoned, quarantine: null, ...at } };
    }
    case 'EnvironmentDrainRequested': {
      const environment = present(state, event);
      const { reason, ...terms } = event.data;
      const drained: Cordon = { by: 'drain', since: event.recordedAt, reason };
      const cordoned = environment.quarantine === null ? (environment.cordoned ?? drained) : drained;
      return {
        kind: 'present',
        environment: { ...environment, cordoned, drain: { ...terms, drainedAt: null }, quarantine: null, ...at },
      };
    }
    case 'EnvironmentDrained': {
      const environment = present(state, event);
      if (environment.drain === null) throw brokenHistory(event);
      const drain: Drain = { ...environment.drain, drainedAt: event.recordedAt };
      return { kind: 'present', environment: { ...environment, drain, ...at } };
    }
    case 'EnvironmentQuarantined': {
      const { failures, reasonCode, waitSeconds } = event.data;
      const reason = `${failures} provisioning failures in a row, the last: ${reasonCode}`;
      const cordoned: Cordon = { by: 'quarantine', since: event.recordedAt, reason };
      const nextProbeAt = secondsAfter(event.recordedAt, waitSeconds);
      const quarantine: Quarantine = { failures, reasonCode, probes: 0, waitSeconds, nextProbeAt };
      return { kind: 'present', environment: { ...present(state, event), cordoned, quarantine, ...at } };
    }
    case 'EnvironmentRecovered':
    case 'EnvironmentUncordoned': {
      const open = { cordoned: null, drain: null, quarantine: null };
      return { kind: 'present', environment: { ...present(state, event), ...open, ...at } };
    }
    case 'EnvironmentDeleted':
      return { kind: 'deleted', environment: { ...present(state, event), ...at } };
  }
}

function present(state: EnvironmentState, event: Recorded<EnvironmentEvent>): Environment {
  if (state.kind !== 'present') throw brokenHistory(event);
  return state.environment;
}

function brokenHistory(event: Recorded<EnvironmentEvent>): Error {
  return new Error(`${event.type} at position ${event.position} cannot follow what came before it in ${event.stream}.`);
}

/** Another config may be all that was missing: it is probed at once. */
function probedAtOnce(environment: Environment, { recordedAt, data }: Recorded<EnvironmentChangedEvent>): Environment {
  const { quarantine } = environment;
  if (quarantine === null || (data.config === undefined && data.driver === undefined)) return environment;
  return { ...environment, quarantine: { ...quarantine, nextProbeAt: recordedAt } };
}

/** The wait doubles with each probe in vain. */
function laterProbe(quarantine: Quarantine | null, recordedAt: string): Quarantine | null {
  if (quarantine === null) return null;
  const waitSeconds = Math.min(quarantine.waitSeconds * 2, LONGEST_WAIT_SECONDS);
  const nextProbeAt = secondsAfter(recordedAt, waitSeconds);
  return { ...quarantine, probes: quarantine.probes + 1, waitSeconds, nextProbeAt };
}

function secondsAfter(time: string, seconds: number): string {
  return new Date(Date.parse(time) + seconds * 1_000).toISOString();
}

/** Whether it is to be emptied, and is not known to be empty. */
export function isDraining(state: EnvironmentState): boolean {
  return state.kind === 'present' && state.environment.drain?.drainedAt === null;
}

/** The id of the company's one local environment, or null. */
export type LocalEnvironmentClaim = string | null;

export function evolveLocalEnvironment(
  _state: LocalEnvironmentClaim,
  event: Recorded<LocalEnvironmentEvent>,
): LocalEnvironmentClaim {
  switch (event.type) {
    case 'LocalEnvironmentClaimed':
      return event.data.environmentId;
    case 'LocalEnvironmentFreed':
      return null;
  }
}
