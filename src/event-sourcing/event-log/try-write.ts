import type { Pool } from 'pg';
import { rolledBack } from './rolled-back.js';

/** About a megabyte: more than the pages that the database has at hand, so that it takes room on the disk. */
const ROWS = 8_000;

/**
 * Takes room on the database's disk as a growing table does, and gives it back.
 * @throws what the database says against it
 */
export async function tryWrite(pool: Pool): Promise<void> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query('BEGIN; CREATE TEMPORARY TABLE leasehold_try_write (row text) ON COMMIT DROP');
    await client.query(`INSERT INTO leasehold_try_write SELECT repeat('x', 100) FROM generate_series(1, ${ROWS})`);
    await client.query('COMMIT');
  } catch (error) {
    broken = !(await rolledBack(client, error));
    throw error;
  } finally {
    client.release(broken);
  }
}
