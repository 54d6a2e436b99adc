import type { ClientBase, Pool } from 'pg';
import { MIGRATIONS } from '../../../migrations/index.js';

/** Whether `migrate` would do nothing. Without TypeORM, which takes longer to load than most commands take to run. */
export async function isMigrated(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query<{ made: boolean }>(`SELECT to_regclass('migrations') IS NOT NULL AS made`);
  if (rows[0]?.made !== true) return false;
  const names = MIGRATIONS.map(({ name }) => name);
  const applied = await pool.query('SELECT FROM migrations WHERE name = ANY ($1::text[])', [names]);
  return applied.rowCount === names.length;
}

/** Names of migrations that this release does not have: a newer one was here. */
export async function unknownMigrations(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ made: boolean }>(`SELECT to_regclass('migrations') IS NOT NULL AS made`);
  if (rows[0]?.made !== true) return [];
  const names = MIGRATIONS.map(({ name }) => name);
  const text = 'SELECT name FROM migrations WHERE name <> ALL ($1::text[]) ORDER BY id';
  return (await client.query<{ name: string }>(text, [names])).rows.map(({ name }) => name);
}
