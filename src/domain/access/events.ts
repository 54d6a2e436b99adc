import Type from 'typebox';
import { defineEvent } from '../../event-sourcing/event-log/define-event.js';

/*
 * The names and shapes below are the storage format. They are added to, never changed: a new shape is a new
 * schemaVersion with an upcaster, and a frozen sample in test/frozen-events.
 *
 * Neither a token nor its hash is ever in an event.
 */

const Time = Type.String({ format: 'date-time' });

/** Stream `token-<id>`. `companies`: null for every company. */
export const TokenCreated = defineEvent(
  'TokenCreated',
  Type.Object({
    name: Type.String(),
    companies: Type.Union([Type.Array(Type.String({ format: 'uuid' })), Type.Null()]),
    permissions: Type.Array(Type.String()),
    expiresAt: Type.Union([Time, Type.Null()]),
  }),
);

/** It is refused from now on. */
export const TokenRevoked = defineEvent('TokenRevoked', Type.Object({}));

export const ACCESS_EVENTS = [TokenCreated, TokenRevoked] as const;

export const TOKEN_CATEGORY = 'token';

/** Tokens belong to the service, not to a company; their events are under this one. */
export const SYSTEM_COMPANY = '00000000-0000-0000-0000-000000000000';

export function tokenStream(tokenId: string): string {
  return `token-${tokenId}`;
}
