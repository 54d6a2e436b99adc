import type { Recorded } from '../../event-sourcing/event-log/events.js';
import { webhookStream, type PauseReason, type WebhookEvent, type WebhookSettings } from './events.js';

/** An older version of a signing secret that still signs. */
export interface EarlierSecret {
  readonly version: number;
  /** ISO 8601. */
  readonly until: string;
}

/** All that is decided about a webhook; how its deliveries go is in the outbox. */
export interface Webhook extends WebhookSettings {
  readonly id: string;
  readonly companyId: string;
  readonly status: 'active' | 'paused';
  /** Null while it is active. */
  readonly pause: { readonly reason: PauseReason; readonly detail: string | null; readonly at: string } | null;
  /** Versions count from 1. */
  readonly secretVersion: number;
  /** Those whose time was not over when the newest came. */
  readonly earlierSecrets: readonly EarlierSecret[];
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
  /** The number of its events. */
  readonly version: number;
  /** Log position of its newest event. */
  readonly position: number;
}

export type WebhookState =
  | { readonly kind: 'none' }
  | { readonly kind: 'present'; readonly webhook: Webhook }
  | { readonly kind: 'deleted'; readonly webhook: Webhook };

export const initialWebhook: WebhookState = { kind: 'none' };

export function evolveWebhook(state: WebhookState, event: Recorded<WebhookEvent>): WebhookState {
  const { version, position, recordedAt: updatedAt } = event;
  const at = { version, position, updatedAt };
  switch (event.type) {
    case 'WebhookCreated': {
      if (state.kind !== 'none') throw brokenHistory(event);
      const begun = { status: 'active', pause: null, secretVersion: 1, earlierSecrets: [] } as const;
      const { companyId, recordedAt: createdAt, data } = event;
      const id = event.stream.slice(webhookStream('').length);
      return { kind: 'present', webhook: { id, companyId, ...data, ...begun, createdAt, ...at } };
    }
    case 'WebhookChanged':
      return { kind: 'present', webhook: { ...present(state, event), ...event.data, ...at } };
    case 'WebhookSecretRotated': {
      const webhook = present(state, event);
      const { secretVersion, previousUntil } = event.data;
      // A rotation without overlap is meant to end whatever signed before.
      const earlierSecrets = [...webhook.earlierSecrets, { version: webhook.secretVersion, until: previousUntil }]
        .map((secret) => (secret.until < previousUntil ? secret : { ...secret, until: previousUntil }))
        .filter(({ until }) => until > updatedAt);
      return { kind: 'present', webhook: { ...webhook, secretVersion, earlierSecrets, ...at } };
    }
    case 'WebhookPaused': {
      const pause = { ...event.data, at: updatedAt };
      return { kind: 'present', webhook: { ...present(state, event), status: 'paused', pause, ...at } };
    }
    case 'WebhookResumed':
      return { kind: 'present', webhook: { ...present(state, event), status: 'active', pause: null, ...at } };
    case 'WebhookRedeliveryRequested':
      return { kind: 'present', webhook: { ...present(state, event), ...at } };
    case 'WebhookDeleted':
      return { kind: 'deleted', webhook: { ...present(state, event), ...at } };
  }
}

/** Versions of the secret that sign at a time (ISO 8601), the newest first. */
export function signingVersions({ secretVersion, earlierSecrets }: Webhook, now: string): number[] {
  return [secretVersion, ...earlierSecrets.filter(({ until }) => until > now).map(({ version }) => version)];
}

function present(state: WebhookState, event: Recorded<WebhookEvent>): Webhook {
  if (state.kind !== 'present') throw brokenHistory(event);
  return state.webhook;
}

function brokenHistory(event: Recorded<WebhookEvent>): Error {
  return new Error(`${event.type} at position ${event.position} cannot follow what came before it in ${event.stream}.`);
}
