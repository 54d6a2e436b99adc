import { Injectable } from '@nestjs/common';
import { LeaseholdError } from '../../../errors/catalogue.js';
import { EventLog } from '../../../event-sourcing/event-log/index.js';
import { ReadModelGate } from '../../../event-sourcing/read-models/read-model-gate.js';
import { WEBHOOKS_SUBSCRIPTION } from '../outbox/filling.js';
import { listPending, type PendingDelivery } from '../outbox/outbox.js';
import { findProgress, listProgress, type WebhookProgress } from '../outbox/webhook-rows.js';

/** A webhook and how its deliveries go. */
export interface WebhookView extends WebhookProgress {
  /** Events of the log, of whatever company, that have not been looked at for it. */
  readonly lag: number;
}

/** Webhooks as the outbox has them, once it has what the caller must see. */
@Injectable()
export class WebhookReader {
  constructor(
    private readonly log: EventLog,
    private readonly gate: ReadModelGate,
  ) {}

  /** @throws LeaseholdError webhook_not_found, read_model_behind, position_ahead_of_log */
  async get(companyId: string, webhookId: string, minPosition: number | null): Promise<WebhookView> {
    await this.gate.subscriptionReached(WEBHOOKS_SUBSCRIPTION, minPosition);
    const found = await findProgress(this.log.pool, WEBHOOKS_SUBSCRIPTION, webhookId);
    if (found?.webhook.companyId !== companyId) {
      throw new LeaseholdError('webhook_not_found', 'There is no webhook with this id.');
    }
    return this.seen(found, await this.log.read.head());
  }

  /** A company's webhooks, newest first. @throws LeaseholdError read_model_behind, position_ahead_of_log */
  async list(
    companyId: string,
    beforeId: string | null,
    limit: number,
    minPosition: number | null,
  ): Promise<WebhookView[]> {
    await this.gate.subscriptionReached(WEBHOOKS_SUBSCRIPTION, minPosition);
    const rows = await listProgress(this.log.pool, WEBHOOKS_SUBSCRIPTION, companyId, beforeId, limit);
    const head = await this.log.read.head();
    return rows.map((row) => this.seen(row, head));
  }

  pending(webhookId: string, after: number, limit: number): Promise<PendingDelivery[]> {
    return listPending(this.log.pool, webhookId, after, limit);
  }

  private seen(row: WebhookProgress, head: number): WebhookView {
    return { ...row, lag: Math.max(0, head - row.cursor) };
  }
}
