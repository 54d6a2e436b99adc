import { Injectable } from '@nestjs/common';
import { CommandRunner } from '../../event-sourcing/commands/command-runner.js';
import { StateStore, type Versioned } from '../../event-sourcing/commands/state-store.js';
import { LeaseholdError } from '../../errors/catalogue.js';
import { EventLog, type StreamWrite } from '../../event-sourcing/event-log/index.js';
import { WEBHOOK_CATEGORY, webhookStream, type WebhookEvent } from './events.js';
import { evolveWebhook, initialWebhook, type Webhook, type WebhookState } from './state.js';

/** Webhooks as the log has them. */
@Injectable()
export class WebhookStore {
  private readonly webhooks: StateStore<WebhookState, WebhookEvent>;

  constructor(
    log: EventLog,
    private readonly runner: CommandRunner,
  ) {
    this.webhooks = new StateStore(log, { initial: initialWebhook, evolve: evolveWebhook });
  }

  current(webhookId: string): Promise<Versioned<WebhookState>> {
    return this.webhooks.current(webhookStream(webhookId));
  }

  /** The company that a webhook belongs or belonged to. @throws LeaseholdError webhook_not_found */
  async companyOf(webhookId: string): Promise<string> {
    const { state } = await this.webhooks.asFarAsUnderstood(webhookStream(webhookId), false);
    if (state.kind === 'none') throw new LeaseholdError('webhook_not_found', 'There is no webhook with this id.');
    return state.webhook.companyId;
  }

  /** The webhook as it was at a position of the log, deleted or not. */
  async asOf(webhookId: string, position: number): Promise<Webhook> {
    const state = await this.webhooks.asOf(webhookStream(webhookId), position);
    if (state.kind === 'none') throw new Error(`The webhook ${webhookId} is not in the log at ${position}.`);
    return state.webhook;
  }

  write(webhookId: string, expectedVersion: number, events: readonly WebhookEvent[]): StreamWrite {
    return {
      stream: webhookStream(webhookId),
      expectedVersion,
      category: WEBHOOK_CATEGORY,
      correlationKey: null,
      parent: null,
      open: !events.some((event) => event.type === 'WebhookDeleted'),
      events: this.runner.stamp(events),
    };
  }
}
