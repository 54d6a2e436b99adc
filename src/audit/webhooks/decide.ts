import { accepted, refused, type Decision } from '../../event-sourcing/commands/decision.js';
import type { PauseReason, WebhookEvent, WebhookSettings } from './events.js';
import type { Webhook, WebhookState } from './state.js';

/** What may be done to a webhook that there is. */
export type WebhookChange =
  | { readonly kind: 'change'; readonly settings: Partial<WebhookSettings> }
  | { readonly kind: 'rotate-secret'; readonly previousUntil: string }
  | {
      readonly kind: 'pause';
      readonly reason: PauseReason;
      readonly detail: string | null;
      /** Where somebody has changed it since this version, the reason is not what it was: it goes on. */
      readonly ifVersion?: number;
    }
  | { readonly kind: 'resume' }
  | { readonly kind: 'redeliver'; readonly from: number; readonly head: number }
  | { readonly kind: 'delete' };

type Events = readonly WebhookEvent[];

export function createWebhook(settings: WebhookSettings): Events {
  return [{ type: 'WebhookCreated', data: settings }];
}

export function changeWebhook(companyId: string, state: WebhookState, change: WebhookChange): Decision<Events> {
  const webhook = webhookOf(companyId, state);
  if (webhook === null) return refused('webhook_not_found', 'There is no webhook with this id.');
  switch (change.kind) {
    case 'change': {
      const { url, description, filter } = webhook;
      const data = { url, description, filter, ...change.settings };
      return accepted([{ type: 'WebhookChanged', data }]);
    }
    case 'rotate-secret': {
      const data = { secretVersion: webhook.secretVersion + 1, previousUntil: change.previousUntil };
      return accepted([{ type: 'WebhookSecretRotated', data }]);
    }
    case 'pause': {
      const { reason, detail, ifVersion = webhook.version } = change;
      if (webhook.status === 'paused' || webhook.version !== ifVersion) return accepted([]);
      return accepted([{ type: 'WebhookPaused', data: { reason, detail } }]);
    }
    case 'resume':
      return accepted(webhook.status === 'active' ? [] : [{ type: 'WebhookResumed', data: {} }]);
    case 'redeliver': {
      const { from, head } = change;
      if (from > head) return refused('position_ahead_of_log', `The log is at ${head}, before ${from}.`);
      return accepted([{ type: 'WebhookRedeliveryRequested', data: { from } }]);
    }
    case 'delete':
      return accepted([{ type: 'WebhookDeleted', data: {} }]);
  }
}

/** The webhook, where it is this company's and has not been deleted. */
export function webhookOf(companyId: string, state: WebhookState): Webhook | null {
  return state.kind === 'present' && state.webhook.companyId === companyId ? state.webhook : null;
}
