import type { Pool } from 'pg';
import { UnknownEventError, type Queryable } from '../event-log/index.js';
import { textOf } from './errors.js';
import type { ParkedStream } from './subscription.js';

const COLUMNS = `subscription, stream, position, attempts, error, parked_at AS "parkedAt"`;

/** The parked streams of a subscription, oldest first. */
export async function parkedStreams(pool: Pool, subscription: string): Promise<ParkedStream[]> {
  const { rows } = await pool.query<ParkedStream>(
    `SELECT ${COLUMNS} FROM parked_streams WHERE subscription = $1 ORDER BY position`,
    [subscription],
  );
  return rows;
}

export async function parkedStream(pool: Pool, subscription: string, stream: string): Promise<ParkedStream | null> {
  const { rows } = await pool.query<ParkedStream>(
    `SELECT ${COLUMNS} FROM parked_streams WHERE subscription = $1 AND stream = $2`,
    [subscription, stream],
  );
  return rows[0] ?? null;
}

export async function park(
  on: Queryable,
  subscription: string,
  event: { readonly stream: string; readonly position: number },
  attempts: number,
  error: unknown,
): Promise<void> {
  await on.query(
    'INSERT INTO parked_streams (subscription, stream, position, attempts, error) VALUES ($1, $2, $3, $4, $5)',
    [subscription, event.stream, event.position, attempts, textOf(error)],
  );
}

/** Asks the owner to handle the stream again. @returns how it is now, or null when it is not parked. */
export async function requestRetry(pool: Pool, subscription: string, stream: string): Promise<ParkedStream | null> {
  const { rows } = await pool.query<ParkedStream>(
    `UPDATE parked_streams SET retry_requested = true WHERE subscription = $1 AND stream = $2 RETURNING ${COLUMNS}`,
    [subscription, stream],
  );
  return rows[0] ?? null;
}

export async function requestedRetries(pool: Pool, subscription: string): Promise<ParkedStream[]> {
  const { rows } = await pool.query<ParkedStream>({
    name: 'requested_retries',
    text: `SELECT ${COLUMNS} FROM parked_streams WHERE subscription = $1 AND retry_requested ORDER BY position`,
    values: [subscription],
  });
  return rows;
}

/** A stream that waits for a release which understands the event that it is parked at. */
export interface WaitingStream {
  readonly subscription: string;
  readonly stream: string;
  readonly type: string;
  readonly schemaVersion: number;
}

/** @param subscription null: of all */
export async function waitingForNewer(pool: Pool, subscription: string | null): Promise<WaitingStream[]> {
  const { rows } = await pool.query<WaitingStream>(
    `SELECT subscription, p.stream, type, schema_version AS "schemaVersion"
       FROM parked_streams p JOIN events USING (position)
      WHERE error LIKE $1 AND ($2::text IS NULL OR subscription = $2) ORDER BY position`,
    [`${UnknownEventError.name}:%`, subscription],
  );
  return rows;
}

export async function unpark(on: Queryable, { subscription, stream }: ParkedStream): Promise<void> {
  await on.query('DELETE FROM parked_streams WHERE subscription = $1 AND stream = $2', [subscription, stream]);
}

/** Those that were parked by events which the log does not have, or which are handled once more. */
export async function unparkAfter(on: Queryable, subscription: string, position: number): Promise<void> {
  await on.query('DELETE FROM parked_streams WHERE subscription = $1 AND position > $2', [subscription, position]);
}

export async function retryFailed(on: Queryable, parked: ParkedStream, error: unknown): Promise<void> {
  await on.query(
    `UPDATE parked_streams SET attempts = attempts + 1, error = $3, retry_requested = false
      WHERE subscription = $1 AND stream = $2`,
    [parked.subscription, parked.stream, textOf(error)],
  );
}
