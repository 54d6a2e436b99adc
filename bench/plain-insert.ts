import pg from 'pg';
import { newId } from '../src/event-sourcing/ids/new-id.js';
import type { Runnable } from './measure.js';
import type { Connection } from './own-postgres.js';

export const PLAIN = 'plain one-row INSERT';
/** Connections that contenders may use who want one a call; with more, they were slower. */
export const POOL_SIZE = 32;

/** The yardstick: what it takes to record anything durably, one row in one transaction. */
export async function plainInsert(connection: Connection): Promise<Runnable> {
  const pool = new pg.Pool({ ...connection, max: POOL_SIZE });
  await pool.query(`CREATE TABLE plain (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream text NOT NULL,
    version integer NOT NULL, type text NOT NULL, data jsonb NOT NULL)`);
  return {
    name: PLAIN,
    call: () =>
      pool.query({
        name: 'plain_insert',
        text: 'INSERT INTO plain (stream, version, type, data) VALUES ($1, $2, $3, $4)',
        values: [
          `lease-${newId()}`,
          1,
          'LeaseRequested',
          JSON.stringify({ heartbeatRunId: newId(), ttlSeconds: 3_600 }),
        ],
      }),
    close: () => pool.end(),
  };
}
