import type { Recorded } from '../../event-sourcing/event-log/events.js';
import { secretStream, type SecretEvent } from './events.js';

/** The environment, and the field of its config, that a secret was made for. */
export interface MadeFor {
  readonly environmentId: string;
  readonly field: string;
}

/** All that is known of a secret but its values. */
export interface Secret {
  readonly id: string;
  readonly companyId: string;
  readonly name: string;
  /** Versions count from 1. */
  readonly latestVersion: number;
  readonly madeFor: MadeFor | null;
  /** Every environment whose config has ever referred to it; whether it still does, the environment knows. */
  readonly environmentIds: readonly string[];
  /** ISO 8601 times; the latter is that of the newest value. */
  readonly createdAt: string;
  readonly updatedAt: string;
  /** The number of its events. */
  readonly version: number;
  /** Log position of its newest event. */
  readonly position: number;
}

export type SecretState =
  | { readonly kind: 'none' }
  | { readonly kind: 'present'; readonly secret: Secret }
  | { readonly kind: 'deleted'; readonly secret: Secret };

export const initialSecret: SecretState = { kind: 'none' };

export function evolveSecret(state: SecretState, event: Recorded<SecretEvent>): SecretState {
  const at = { version: event.version, position: event.position };
  switch (event.type) {
    case 'SecretCreated': {
      if (state.kind !== 'none') throw brokenHistory(event);
      const { name, version: latestVersion, madeFor } = event.data;
      return {
        kind: 'present',
        secret: {
          id: event.stream.slice(secretStream('').length),
          companyId: event.companyId,
          name,
          latestVersion,
          madeFor,
          environmentIds: madeFor === null ? [] : [madeFor.environmentId],
          createdAt: event.recordedAt,
          updatedAt: event.recordedAt,
          ...at,
        },
      };
    }
    case 'SecretRotated': {
      const { version: latestVersion } = event.data;
      return {
        kind: 'present',
        secret: { ...present(state, event), latestVersion, updatedAt: event.recordedAt, ...at },
      };
    }
    case 'SecretReferenced': {
      const secret = present(state, event);
      const environmentIds = [...new Set([...secret.environmentIds, event.data.environmentId])];
      return { kind: 'present', secret: { ...secret, environmentIds, ...at } };
    }
    case 'SecretDeleted':
      return { kind: 'deleted', secret: { ...present(state, event), ...at } };
  }
}

function present(state: SecretState, event: Recorded<SecretEvent>): Secret {
  if (state.kind !== 'present') throw brokenHistory(event);
  return state.secret;
}

function brokenHistory(event: Recorded<SecretEvent>): Error {
  return new Error(`${event.type} at position ${event.position} cannot follow what came before it in ${event.stream}.`);
}
