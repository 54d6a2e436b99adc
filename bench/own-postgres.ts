import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Settings } from '../src/platform/config/config.js';
import { joinEmbeddedPostgres, type EmbeddedPostgres } from '../src/platform/embedded/index.js';

export type Connection = EmbeddedPostgres['connection'];

/**
 * Runs a bench on an embedded Postgres of its own, in a temporary folder that is removed in the end.
 * @param work gets settings too, with which a service keeps its keys in that folder
 */
export async function onOwnPostgres<T>(work: (connection: Connection, settings: Settings) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'leasehold-bench-'));
  // mkdtemp makes it 0700; where root runs this, Postgres is another user.
  await chmod(dataDir, 0o755);
  const postgres = await joinEmbeddedPostgres({ dataDir, log: () => undefined });
  try {
    return await work(postgres.connection, { LEASEHOLD_DATA_DIR: dataDir });
  } finally {
    await postgres.leave();
    await rm(dataDir, { recursive: true, force: true });
  }
}

export async function serverVersion(connection: Connection): Promise<string> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
    return rows[0]?.server_version ?? 'unknown';
  } finally {
    await client.end();
  }
}
