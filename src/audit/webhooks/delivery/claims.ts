import type { Queryable } from '../../../event-sourcing/event-log/index.js';
import type { Entry } from '../outbox/outbox.js';
import type { Webhook } from '../state.js';

/** Of the advisory locks that workers hold. */
export const WORKER_LOCKS = 5_021_773;

/** An event that this worker is to send. */
export interface Claim extends Entry {
  readonly webhook: Webhook;
  /** Attempts that have failed. */
  readonly attempts: number;
}

export interface ClaimOptions {
  readonly worker: number;
  /** After this, in milliseconds, it is anybody's again. */
  readonly expiryMs: number;
  /** Claims at most. */
  readonly limit: number;
  /** Claims of one webhook at most, and for those that have some already, how many more. */
  readonly perWebhook: number;
  readonly room: ReadonlyMap<string, number>;
}

/** Claims what is due: of each webhook its first, then of each its second, and so on. */
export async function claimDue(on: Queryable, options: ClaimOptions): Promise<Claim[]> {
  const { worker, expiryMs, limit, perWebhook, room } = options;
  const { rows } = await on.query<Claim>({
    name: 'claim_webhook_deliveries',
    text: `WITH ready AS (
        SELECT w.webhook, d.webhook_id, d.position,
               row_number() OVER (PARTITION BY d.webhook_id ORDER BY d.due_at, d.position) AS place
          FROM webhooks w
          LEFT JOIN unnest($1::uuid[], $2::int[]) AS busy(id, room) ON busy.id = w.id
         CROSS JOIN LATERAL (
           SELECT webhook_id, position, due_at FROM webhook_deliveries
            WHERE webhook_id = w.id AND due_at <= clock_timestamp()
            ORDER BY due_at LIMIT coalesce(busy.room, $3) FOR UPDATE SKIP LOCKED) d
         WHERE w.active AND (w.held_until IS NULL OR w.held_until <= clock_timestamp())
         ORDER BY place, d.due_at LIMIT $4)
      UPDATE webhook_deliveries d
         SET claimed_by = $5, due_at = clock_timestamp() + $6 * interval '1 ms'
        FROM ready WHERE d.webhook_id = ready.webhook_id AND d.position = ready.position
      RETURNING d.webhook_id AS "webhookId", d.position, d.stream, d.attempts, ready.webhook`,
    values: [[...room.keys()], [...room.values()], perWebhook, limit, worker, expiryMs],
  });
  return rows;
}

/** Frees what workers have claimed that are gone: a lock ends with its session, at once when a process is killed. */
export async function freeClaimsOfTheDead(on: Queryable): Promise<void> {
  await on.query({
    name: 'free_webhook_deliveries',
    text: `WITH living AS MATERIALIZED (
        SELECT objid::bigint::int AS worker FROM pg_locks
         WHERE locktype = 'advisory' AND classid = $1::bigint::oid AND objsubid = 2
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
      UPDATE webhook_deliveries SET claimed_by = NULL, due_at = clock_timestamp()
       WHERE claimed_by IS NOT NULL AND claimed_by NOT IN (SELECT worker FROM living)`,
    values: [WORKER_LOCKS],
  });
}
