import type { Recorded } from '../../event-sourcing/event-log/events.js';
import type { EnvironmentDriver } from '../driver-contract/driver-names.js';
import type { CordonedBy, EnvironmentStatus, OnDeadline } from './environment-names.js';
import { environmentStream, type EnvironmentEvent, type LocalEnvironmentEvent } from './events.js';

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
          createdAt: event.recordedAt,
          ...at,
        },
      };
    }
    case 'EnvironmentChanged':
      return { kind: 'present', environment: { ...present(state, event), ...event.data, ...at } };
    // Its version stays too: a caller who probes before he changes it has still read the newest.
    case 'EnvironmentProbed':
      return { kind: 'present', environment: present(state, event) };
    case 'EnvironmentCordoned': {
      const cordoned: Cordon = { by: 'operator', since: event.recordedAt, reason: event.data.reason };
      return { kind: 'present', environment: { ...present(state, event), cordoned, ...at } };
    }
    case 'EnvironmentDrainRequested': {
      const environment = present(state, event);
      const { reason, ...terms } = event.data;
      const cordoned: Cordon = environment.cordoned ?? { by: 'drain', since: event.recordedAt, reason };
      return {
        kind: 'present',
        environment: { ...environment, cordoned, drain: { ...terms, drainedAt: null }, ...at },
      };
    }
    case 'EnvironmentDrained': {
      const environment = present(state, event);
      if (environment.drain === null) throw brokenHistory(event);
      const drain: Drain = { ...environment.drain, drainedAt: event.recordedAt };
      return { kind: 'present', environment: { ...environment, drain, ...at } };
    }
    case 'EnvironmentUncordoned':
      return { kind: 'present', environment: { ...present(state, event), cordoned: null, drain: null, ...at } };
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
