import type { PoolClient } from 'pg';
import type { Queryable } from '../../../event-sourcing/event-log/index.js';

/** An event that a webhook is to get. Only its position: what it says is in the log. */
export interface Entry {
  readonly webhookId: string;
  readonly position: number;
  readonly stream: string;
}

/**
 * Adds what is not there yet. Whoever calls this, or `giveTurns`, has locked the rows of the webhooks: else one who adds
 * would not see that what went before has just been delivered, and the turn would never come.
 */
export async function addEntries(client: PoolClient, entries: readonly Entry[]): Promise<void> {
  if (entries.length === 0) return;
  await client.query({
    name: 'add_webhook_deliveries',
    text: `WITH added AS (
        INSERT INTO webhook_deliveries (webhook_id, position, stream)
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[]) ON CONFLICT DO NOTHING RETURNING webhook_id)
      UPDATE webhooks w SET pending = w.pending + n.added
        FROM (SELECT webhook_id, count(*)::int AS added FROM added GROUP BY webhook_id) n WHERE w.id = n.webhook_id`,
    values: columnsOf(entries),
  });
  await giveTurns(client, entries);
}

/** Of each stream, what is first in the log is due, unless something of the stream is being sent. */
export async function giveTurns(client: PoolClient, entries: readonly Entry[]): Promise<void> {
  const streams = [...new Map(entries.map((entry) => [`${entry.webhookId} ${entry.stream}`, entry])).values()];
  await client.query({
    name: 'give_webhook_turns',
    text: `UPDATE webhook_deliveries d SET due_at = clock_timestamp()
        FROM unnest($1::uuid[], $2::text[]) AS s(webhook_id, stream)
        CROSS JOIN LATERAL (SELECT position FROM webhook_deliveries
          WHERE webhook_id = s.webhook_id AND stream = s.stream ORDER BY position LIMIT 1) first
       WHERE d.webhook_id = s.webhook_id AND d.position = first.position AND d.due_at IS NULL
         AND NOT EXISTS (SELECT FROM webhook_deliveries c
              WHERE c.webhook_id = s.webhook_id AND c.stream = s.stream AND c.claimed_by IS NOT NULL)`,
    values: [streams.map(({ webhookId }) => webhookId), streams.map(({ stream }) => stream)],
  });
}

/**
 * Makes room for everything from a position on to be added once more. What is being sent stays until that is settled, and
 * is then sent again in its turn.
 */
export async function withdrawFrom(client: PoolClient, webhookId: string, from: number): Promise<void> {
  await client.query('DELETE FROM webhook_deliveries WHERE webhook_id = $1 AND position >= $2 AND claimed_by IS NULL', [
    webhookId,
    from,
  ]);
  await client.query('UPDATE webhook_deliveries SET again = true WHERE webhook_id = $1 AND position >= $2', [
    ...[webhookId, from],
  ]);
  await client.query(
    'UPDATE webhooks SET pending = (SELECT count(*) FROM webhook_deliveries WHERE webhook_id = $1) WHERE id = $1',
    [webhookId],
  );
}

/** What failed before is tried at once, as if for the first time. */
export async function beginAnew(client: PoolClient, webhookId: string): Promise<void> {
  await client.query(
    `UPDATE webhook_deliveries SET due_at = clock_timestamp(), attempts = 0
      WHERE webhook_id = $1 AND due_at IS NOT NULL AND claimed_by IS NULL`,
    [webhookId],
  );
  await client.query('UPDATE webhooks SET failures = 0, held_until = NULL WHERE id = $1', [webhookId]);
}

/** What is in the outbox, as its readers see it. */
export interface PendingDelivery {
  readonly position: number;
  readonly stream: string;
  /** `waiting`: for another event of its stream. `due`: to be sent now. `retrying`: later, after a failure. */
  readonly state: 'waiting' | 'due' | 'retrying' | 'under_way';
  readonly attempts: number;
  readonly nextAttemptAt: string | null;
  readonly lastStatus: number | null;
  readonly lastFailure: string | null;
}

/** In the order of the log. */
export async function listPending(
  on: Queryable,
  webhookId: string,
  after: number,
  limit: number,
): Promise<PendingDelivery[]> {
  const { rows } = await on.query<PendingDelivery>(
    `SELECT position, stream, attempts, last_status AS "lastStatus", last_failure AS "lastFailure",
            CASE WHEN claimed_by IS NOT NULL THEN 'under_way' WHEN due_at IS NULL THEN 'waiting'
                 WHEN attempts > 0 THEN 'retrying' ELSE 'due' END AS state,
            CASE WHEN claimed_by IS NULL THEN due_at END AS "nextAttemptAt"
       FROM webhook_deliveries WHERE webhook_id = $1 AND position > $2 ORDER BY position LIMIT $3`,
    [webhookId, after, limit],
  );
  return rows;
}

function columnsOf(entries: readonly Entry[]): [string[], number[], string[]] {
  return [
    entries.map(({ webhookId }) => webhookId),
    entries.map(({ position }) => position),
    entries.map(({ stream }) => stream),
  ];
}
