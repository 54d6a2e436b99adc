import Type from 'typebox';
import { defineEvent, type EventOf } from '../../event-sourcing/event-log/define-event.js';

/*
 * The names and shapes below are the storage format. They are added to, never changed: a new shape is a new
 * schemaVersion with an upcaster, and a frozen sample in test/frozen-events.
 *
 * Nothing here tells anything about a value: not its length, not a digest. Values are rows of `secret_versions`, sealed,
 * which commit together with the event that speaks of them.
 */

const Uuid = Type.String({ format: 'uuid' });
const Version = Type.Integer({ minimum: 1 });

/** Stream `secret-<id>`. `madeFor`: the environment whose config was given the value; null when a caller made it. */
export const SecretCreated = defineEvent(
  'SecretCreated',
  Type.Object({
    name: Type.String(),
    version: Version,
    madeFor: Type.Union([Type.Object({ environmentId: Uuid, field: Type.String() }), Type.Null()]),
  }),
);

/** It has a new value, which `latest` means from now on; the older ones can still be referred to by their version. */
export const SecretRotated = defineEvent('SecretRotated', Type.Object({ version: Version }));

/**
 * The config of an environment begins to refer to it. Written in one append with the environment's own event, so that a
 * secret cannot be deleted while a config begins to refer to it.
 */
export const SecretReferenced = defineEvent('SecretReferenced', Type.Object({ environmentId: Uuid }));

/** Its values are gone for good. */
export const SecretDeleted = defineEvent('SecretDeleted', Type.Object({}));

export const SECRET_EVENTS = [SecretCreated, SecretRotated, SecretReferenced, SecretDeleted] as const;

export type SecretEvent = EventOf<(typeof SECRET_EVENTS)[number]>;

export const SECRET_CATEGORY = 'secret';

export function secretStream(secretId: string): string {
  return `secret-${secretId}`;
}
