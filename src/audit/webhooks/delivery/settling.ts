import type { PoolClient } from 'pg';
import type { EventLog } from '../../../event-sourcing/event-log/index.js';
import { giveTurns } from '../outbox/outbox.js';
import type { Claim } from './claims.js';

/** How a claim ended. */
export interface Outcome {
  readonly claim: Claim;
  /** `released`: it was not tried to its end, and is anybody's again. */
  readonly kind: 'delivered' | 'failed' | 'released';
  readonly status: number | null;
  readonly failure: string | null;
  /** How long the event waits until it is tried again. */
  readonly retryInMs: number;
  /** How long nothing at all goes to this webhook; null: what fails is its own affair. */
  readonly holdMs: number | null;
}

/** A webhook whose deliveries fail, after the newest failure. */
export interface Failing {
  readonly webhookId: string;
  /** How often in a row one event has failed. */
  readonly failures: number;
}

/**
 * Records how claims ended, and gives the next event of each stream its turn. The commit does not wait for the disk: a
 * delivery that a crash of Postgres forgets is made again.
 */
export async function settle(log: EventLog, worker: number, outcomes: readonly Outcome[]): Promise<Failing[]> {
  const claims = outcomes.map(({ claim }) => claim);
  const webhookIds = [...new Set(claims.map(({ webhookId }) => webhookId))];
  return log.transaction(async ({ client }) => {
    await client.query('SET LOCAL synchronous_commit = off');
    const { rows } = await client.query<{ id: string; url: string }>({
      name: 'lock_webhooks',
      text: `SELECT id, webhook->>'url' AS url FROM webhooks WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE`,
      values: [webhookIds],
    });
    const urls = new Map(rows.map(({ id, url }) => [id, url]));
    const counted = outcomes.map((outcome) => ofAddress(outcome, urls.get(outcome.claim.webhookId)));
    await recordDelivered(client, worker, counted);
    const failing = await recordOthers(client, worker, counted);
    await hold(client, counted);
    await giveTurns(client, claims);
    return failing;
  });
}

/** A failure of the address that a webhook had before says nothing about the one that it has now. */
function ofAddress(outcome: Outcome, url: string | undefined): Outcome {
  const { claim, kind } = outcome;
  if (kind !== 'failed' || claim.webhook.url === url) return outcome;
  return { claim, kind: 'released', status: null, failure: null, retryInMs: 0, holdMs: null };
}

async function recordDelivered(client: PoolClient, worker: number, outcomes: readonly Outcome[]): Promise<void> {
  const delivered = outcomes.filter(({ kind }) => kind === 'delivered').map(({ claim }) => claim);
  if (delivered.length === 0) return;
  await client.query({
    name: 'webhook_deliveries_delivered',
    text: `WITH done AS (
        DELETE FROM webhook_deliveries d USING unnest($1::uuid[], $2::bigint[]) AS o(webhook_id, position)
         WHERE d.webhook_id = o.webhook_id AND d.position = o.position AND d.claimed_by = $3 AND NOT d.again
        RETURNING d.webhook_id)
      UPDATE webhooks w SET failures = 0, last_success_at = clock_timestamp(),
             pending = w.pending - (SELECT count(*)::int FROM done WHERE done.webhook_id = w.id)
       WHERE w.id = ANY ($1::uuid[])`,
    values: [delivered.map(({ webhookId }) => webhookId), delivered.map(({ position }) => position), worker],
  });
}

/** What was not delivered, and what was asked for once more meanwhile: that goes back into its stream's order. */
async function recordOthers(client: PoolClient, worker: number, outcomes: readonly Outcome[]): Promise<Failing[]> {
  const column = (read: (outcome: Outcome) => unknown): unknown[] => outcomes.map(read);
  const { rows } = await client.query<Failing>({
    name: 'webhook_deliveries_others',
    text: `WITH failed AS (
        UPDATE webhook_deliveries d
           SET claimed_by = NULL, again = false, last_status = o.status, last_failure = o.failure,
               attempts = CASE WHEN d.again THEN 0 ELSE d.attempts + o.failed::int END,
               due_at = CASE WHEN NOT d.again THEN clock_timestamp() + o.retry_in * interval '1 ms' END
          FROM unnest($1::uuid[], $2::bigint[], $3::boolean[], $4::int[], $5::text[], $6::float8[])
            AS o(webhook_id, position, failed, status, failure, retry_in)
         WHERE d.webhook_id = o.webhook_id AND d.position = o.position AND d.claimed_by = $7
        RETURNING d.webhook_id, d.attempts, o.failed, o.failure)
      UPDATE webhooks w
         SET failures = greatest(w.failures, f.attempts), last_failure_at = clock_timestamp(), last_failure = f.failure
        FROM (SELECT webhook_id, max(attempts) AS attempts, max(failure) AS failure
                FROM failed WHERE failed GROUP BY webhook_id) f
       WHERE w.id = f.webhook_id RETURNING w.id AS "webhookId", w.failures`,
    values: [
      column(({ claim }) => claim.webhookId),
      column(({ claim }) => claim.position),
      column(({ kind }) => kind === 'failed'),
      column(({ status }) => status),
      column(({ failure }) => failure),
      column(({ retryInMs }) => retryInMs),
      worker,
    ],
  });
  return rows;
}

/** What is over already, or ends later anyway, stays as it is. */
async function hold(client: PoolClient, outcomes: readonly Outcome[]): Promise<void> {
  const held = outcomes.filter(({ holdMs }) => holdMs !== null);
  if (held.length === 0) return;
  await client.query({
    name: 'hold_webhooks',
    text: `UPDATE webhooks w SET held_until = greatest(w.held_until, clock_timestamp() + o.hold * interval '1 ms')
        FROM (SELECT id, max(hold) AS hold FROM unnest($1::uuid[], $2::float8[]) AS all_of(id, hold) GROUP BY id) o
       WHERE w.id = o.id`,
    values: [held.map(({ claim }) => claim.webhookId), held.map(({ holdMs }) => holdMs)],
  });
}
