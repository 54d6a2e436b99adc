import type { PostgresConfig } from '../../event-sourcing/postgres/index.js';
import { createLogPool } from '../../event-sourcing/event-log/index.js';
import { anyTokenLive } from './token-rows.js';

/** Whether somebody can authenticate, before there is a service that could ask. The migrations must have been run. */
export async function someTokenIsLive(connection: PostgresConfig): Promise<boolean> {
  const pool = createLogPool({ ...connection, max: 1 });
  try {
    return await anyTokenLive(pool);
  } finally {
    await pool.end();
  }
}
