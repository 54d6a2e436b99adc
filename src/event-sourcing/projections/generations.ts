import type { Pool, PoolClient } from 'pg';
import { isContention, rolledBack, type Queryable } from '../event-log/index.js';

export type GenerationState = 'building' | 'live' | 'old' | 'dropped';

/** A read model as it was, is, or will be: one table, filled by one subscription. */
export interface Generation {
  readonly name: string;
  /** Never used twice. */
  readonly generation: number;
  readonly version: number;
  readonly state: GenerationState;
  readonly table: string;
  readonly subscription: string;
  readonly createdAt: string;
}

export async function readGenerations(on: Queryable, names: readonly string[]): Promise<Generation[]> {
  const { rows } = await on.query<Generation>(
    `SELECT name, generation, version, state, table_name AS "table", subscription, created_at AS "createdAt"
       FROM projections WHERE name = ANY ($1::text[]) ORDER BY name, generation`,
    [names],
  );
  return rows;
}

const TRIES = 5;

/**
 * Runs work in a transaction in which nobody else changes the generations of this projection. The work is done again when
 * others were in the way.
 */
export async function changingGenerations<T>(
  pool: Pool,
  name: string,
  work: (client: PoolClient, generations: readonly Generation[]) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inTransaction(pool, async (client) => work(client, await lockGenerations(client, name)));
    } catch (error) {
      if (!isContention(error) || attempt === TRIES) throw error;
    }
  }
}

export async function inTransaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  begin = 'BEGIN',
): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    broken = !(await rolledBack(client, error));
    throw error;
  } finally {
    client.release(broken);
  }
}

/**
 * Until the end of the transaction. It fails (55P03) rather than wait long: behind a statement that waits for a table or
 * a view, all readers of that would queue up.
 */
export async function lockGenerations(client: PoolClient, name: string): Promise<Generation[]> {
  await client.query(`SET LOCAL lock_timeout = '2s'`);
  await client.query(`SELECT pg_advisory_xact_lock(5021772, hashtext($1))`, [name]);
  await client.query(`SET LOCAL lock_timeout = '200ms'`);
  return readGenerations(client, [name]);
}

export async function insertGeneration(client: PoolClient, generation: Omit<Generation, 'createdAt'>): Promise<void> {
  const { name, version, state, table, subscription } = generation;
  await client.query('INSERT INTO subscriptions (name) VALUES ($1)', [subscription]);
  await client.query(
    `INSERT INTO projections (name, generation, version, state, table_name, subscription, switched_at)
     VALUES ($1, $2, $3, $4, $5, $6, CASE $4 WHEN 'live' THEN now() END)`,
    [name, generation.generation, version, state, table, subscription],
  );
}

export async function setState(
  client: PoolClient,
  { name, generation }: Generation,
  state: GenerationState,
): Promise<void> {
  await client.query(
    `UPDATE projections SET state = $3, switched_at = CASE $3 WHEN 'live' THEN now() ELSE switched_at END
      WHERE name = $1 AND generation = $2`,
    [name, generation, state],
  );
}

/** From here on its checkpoint stands still for ever, whoever believes to own it. */
export async function closeSubscription(client: PoolClient, subscription: string): Promise<void> {
  await client.query(
    'UPDATE subscriptions SET closed = true, fence = fence + 1, owner = NULL, expires_at = NULL WHERE name = $1',
    [subscription],
  );
}

/** Has queries of the projection's name read this table. Columns may differ from the last one's, which REPLACE cannot do. */
export async function showTable(client: PoolClient, view: string, table: string): Promise<void> {
  const name = client.escapeIdentifier(view);
  await client.query(`DROP VIEW IF EXISTS ${name}`);
  await client.query(`CREATE VIEW ${name} AS SELECT * FROM ${client.escapeIdentifier(table)}`);
}
