import type { PoolClient } from 'pg';
import type { Queryable } from '../../../event-sourcing/event-log/index.js';
import type { Webhook } from '../state.js';

/** A row of `webhooks`: a webhook, and how far its events have been put in the outbox. */
export interface WebhookRow {
  readonly webhook: Webhook;
  /** It gets what the subscription gets. Else everything up to the cursor has been put in the outbox. */
  readonly live: boolean;
  readonly cursor: number;
  /** Events in the outbox. */
  readonly pending: number;
}

export interface WebhookProgress extends WebhookRow {
  readonly failures: number;
  readonly lastSuccessAt: string | null;
  readonly lastFailureAt: string | null;
  readonly lastFailure: string | null;
}

const PROGRESS = `webhook, live, pending, failures, last_success_at AS "lastSuccessAt", last_failure_at AS "lastFailureAt",
  last_failure AS "lastFailure",
  CASE WHEN live THEN (SELECT checkpoint FROM subscriptions WHERE name = $1) ELSE cursor END AS cursor`;

export async function findProgress(
  on: Queryable,
  subscription: string,
  webhookId: string,
): Promise<WebhookProgress | null> {
  const { rows } = await on.query<WebhookProgress>(`SELECT ${PROGRESS} FROM webhooks WHERE id = $2`, [
    ...[subscription, webhookId],
  ]);
  return rows[0] ?? null;
}

/** A company's webhooks, newest first. */
export async function listProgress(
  on: Queryable,
  subscription: string,
  companyId: string,
  beforeId: string | null,
  limit: number,
): Promise<WebhookProgress[]> {
  const { rows } = await on.query<WebhookProgress>(
    `SELECT ${PROGRESS} FROM webhooks WHERE company_id = $2 AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4`,
    [subscription, companyId, beforeId, limit],
  );
  return rows;
}

/** Locks all webhooks of companies in the order of their ids, as everybody does who locks several. */
export async function lockWebhooksOf(client: PoolClient, companyIds: readonly string[]): Promise<void> {
  await client.query({
    name: 'lock_webhooks_of',
    text: 'SELECT FROM webhooks WHERE company_id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE',
    values: [companyIds],
  });
}

/** The companies' webhooks that get what is new, locked in the same order. */
export async function lockLive(client: PoolClient, companyIds: readonly string[]): Promise<WebhookRow[]> {
  const { rows } = await client.query<WebhookRow>({
    name: 'lock_live_webhooks',
    text: `SELECT webhook, live, cursor, pending FROM webhooks
      WHERE company_id = ANY ($1::uuid[]) AND live ORDER BY id FOR NO KEY UPDATE`,
    values: [companyIds],
  });
  return rows;
}

export async function lockWebhook(client: PoolClient, webhookId: string): Promise<WebhookRow | null> {
  const { rows } = await client.query<WebhookRow>(
    'SELECT webhook, live, cursor, pending FROM webhooks WHERE id = $1 FOR NO KEY UPDATE',
    [webhookId],
  );
  return rows[0] ?? null;
}

/** The webhooks that are filled from the log and have room. */
export async function findBehind(on: Queryable, maxPending: number, limit: number): Promise<string[]> {
  const { rows } = await on.query<{ id: string }>({
    name: 'webhooks_behind',
    text: 'SELECT id FROM webhooks WHERE active AND NOT live AND pending < $1 ORDER BY id LIMIT $2',
    values: [maxPending, limit],
  });
  return rows.map(({ id }) => id);
}

export async function insertWebhook(client: PoolClient, webhook: Webhook): Promise<void> {
  await client.query(
    `INSERT INTO webhooks (id, company_id, webhook, active, live, cursor) VALUES ($1, $2, $3, true, true, $4)`,
    [webhook.id, webhook.companyId, webhook, webhook.position],
  );
}

export async function updateWebhook(client: PoolClient, row: Omit<WebhookRow, 'pending'>): Promise<void> {
  const { webhook, live, cursor } = row;
  await client.query('UPDATE webhooks SET webhook = $2, active = $3, live = $4, cursor = $5 WHERE id = $1', [
    ...[webhook.id, webhook, webhook.status === 'active', live, cursor],
  ]);
}

export async function deleteWebhook(client: PoolClient, webhookId: string): Promise<void> {
  await client.query('DELETE FROM webhook_deliveries WHERE webhook_id = $1', [webhookId]);
  await client.query('DELETE FROM webhooks WHERE id = $1', [webhookId]);
}
