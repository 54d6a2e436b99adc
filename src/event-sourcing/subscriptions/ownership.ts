import type pg from 'pg';
import type { Held } from './checkpoint-transaction.js';

/** What can run the statements below: the session that stands for the owner. */
export interface Session {
  query<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<pg.QueryResult<Row>>;
}

/** Makes the rows of new subscriptions; those that exist stay as they are. */
export async function makeRows(session: Session, names: readonly string[]): Promise<void> {
  await session.query(
    'INSERT INTO subscriptions (name) SELECT * FROM unnest($1::text[]) AS n ORDER BY n ON CONFLICT DO NOTHING',
    [names],
  );
}

/**
 * Takes what nobody owns: what was released, what has expired, and what belongs to a database session that is gone. All
 * by the database's clock. Rows that are locked are left for the next time, so that claims never wait and never deadlock.
 */
export async function claim(
  session: Session,
  owner: string,
  names: readonly string[],
  expiryMs: number,
  epoch: number,
): Promise<Held[]> {
  const { rows } = await session.query<{ name: string; checkpoint: unknown; fence: unknown }>(
    `WITH free AS (
       SELECT s.name FROM subscriptions s
        WHERE s.name = ANY ($1::text[]) AND NOT s.closed AND (
              s.owner IS NULL OR s.owner = $2 OR s.expires_at < clock_timestamp()
              -- The start of another role's session is hidden from us, and reads as null.
              OR NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.pid = s.owner_pid
                                AND coalesce(a.backend_start = s.owner_session_start, true)))
        ORDER BY s.name FOR UPDATE OF s SKIP LOCKED)
     UPDATE subscriptions s
        SET owner = $2, fence = s.fence + 1, expires_at = clock_timestamp() + $3 * interval '1 ms',
            owner_pid = me.pid, owner_session_start = me.backend_start
       FROM free, pg_stat_activity me
      WHERE s.name = free.name AND me.pid = pg_backend_pid()
     RETURNING s.name, s.checkpoint, s.fence`,
    [names, owner, expiryMs],
  );
  // The session is not one of the log's connections, so that a bigint is a string here.
  return rows.map((row) => ({ ...row, checkpoint: Number(row.checkpoint), fence: Number(row.fence), epoch }));
}

/**
 * Puts the expiry off, and stores the present session as the owner's (it may be a new one).
 * @returns the names of those still owned.
 */
export async function renew(
  session: Session,
  owner: string,
  held: readonly Pick<Held, 'name' | 'fence'>[],
  expiryMs: number,
): Promise<Set<string>> {
  const { rows } = await session.query<{ name: string }>(
    `WITH mine AS (
       SELECT s.name FROM subscriptions s
         JOIN unnest($1::text[], $2::bigint[]) AS h(name, fence) ON h.name = s.name AND h.fence = s.fence
        WHERE s.owner = $3 ORDER BY s.name FOR UPDATE OF s)
     UPDATE subscriptions s
        SET expires_at = clock_timestamp() + $4 * interval '1 ms',
            owner_pid = me.pid, owner_session_start = me.backend_start
       FROM mine, pg_stat_activity me
      WHERE s.name = mine.name AND me.pid = pg_backend_pid()
     RETURNING s.name`,
    [held.map(({ name }) => name), held.map(({ fence }) => fence), owner, expiryMs],
  );
  return new Set(rows.map((row) => row.name));
}

/** Gives up what the owner holds of these, and raises the fence, so that nothing of it can still be under way. */
export async function release(session: Session, owner: string, names: readonly string[]): Promise<void> {
  await session.query(
    `WITH mine AS (
       SELECT s.name FROM subscriptions s
        WHERE s.name = ANY ($1::text[]) AND s.owner = $2 ORDER BY s.name FOR UPDATE OF s)
     UPDATE subscriptions s SET owner = NULL, fence = s.fence + 1, expires_at = NULL FROM mine WHERE s.name = mine.name`,
    [names, owner],
  );
}
