import Type, { type Static } from 'typebox';
import { defineEvent, type EventOf } from '../../event-sourcing/event-log/define-event.js';

/*
 * The names and shapes below are the storage format. They are added to, never changed: a new shape is a new
 * schemaVersion with an upcaster, and a frozen sample in test/frozen-events.
 *
 * No signing secret is ever in an event: secrets are rows of `secret_versions`, sealed, under the webhook's id.
 */

const Nullable = <T extends Type.TSchema>(schema: T): Type.TUnion<[T, Type.TNull]> => Type.Union([schema, Type.Null()]);
const Uuid = Type.String({ format: 'uuid' });
const Version = Type.Integer({ minimum: 1 });

/** Of several conditions all must hold; null is none. The names are those of the feed's query. */
const Filter = Type.Object({
  type: Nullable(Type.Array(Type.String())),
  stream: Nullable(Type.String()),
  environmentId: Nullable(Uuid),
  leaseId: Nullable(Uuid),
  runId: Nullable(Uuid),
});
export type WebhookFilter = Static<typeof Filter>;

const Settings = Type.Object({ url: Type.String(), description: Nullable(Type.String()), filter: Filter });
/** What a caller says about a webhook. */
export type WebhookSettings = Static<typeof Settings>;

/** `requested`: by a caller. `failing`: by the service, after too many failures. `gone`: the receiver answered 410. */
export const PAUSE_REASONS = ['requested', 'failing', 'gone'] as const;
export type PauseReason = (typeof PAUSE_REASONS)[number];

/** Stream `webhook-<id>`. Its secret has version 1. It gets the events that come after this one. */
export const WebhookCreated = defineEvent('WebhookCreated', Settings);

/** All of its settings, as they are from now on. */
export const WebhookChanged = defineEvent('WebhookChanged', Settings);

/** Deliveries are signed by this version of the secret, and until a time by the one before too. */
export const WebhookSecretRotated = defineEvent(
  'WebhookSecretRotated',
  Type.Object({ secretVersion: Version, previousUntil: Type.String({ format: 'date-time' }) }),
);

/** Nothing is sent to it any more; what comes meanwhile is sent once it is resumed. */
export const WebhookPaused = defineEvent(
  'WebhookPaused',
  Type.Object({ reason: Type.Enum([...PAUSE_REASONS]), detail: Nullable(Type.String()) }),
);

export const WebhookResumed = defineEvent('WebhookResumed', Type.Object({}));

/** Everything from this position of the log on is delivered once more. */
export const WebhookRedeliveryRequested = defineEvent('WebhookRedeliveryRequested', Type.Object({ from: Version }));

export const WebhookDeleted = defineEvent('WebhookDeleted', Type.Object({}));

export const WEBHOOK_EVENTS = [
  WebhookCreated,
  WebhookChanged,
  WebhookSecretRotated,
  WebhookPaused,
  WebhookResumed,
  WebhookRedeliveryRequested,
  WebhookDeleted,
] as const;

export type WebhookEvent = EventOf<(typeof WEBHOOK_EVENTS)[number]>;

const TYPES: ReadonlySet<string> = new Set(WEBHOOK_EVENTS.map(({ type }) => type));

/** Events about webhooks are in the feed, but no webhook delivers them: a delivery could lead to the next for ever. */
export function isAboutWebhooks({ type }: { readonly type: string }): boolean {
  return TYPES.has(type);
}

export const WEBHOOK_CATEGORY = 'webhook';

export function webhookStream(webhookId: string): string {
  return `webhook-${webhookId}`;
}
