import type pg from 'pg';
import { PostgresClient } from '../../event-sourcing/postgres/index.js';
import { type Cluster, USER } from './cluster.js';
import { codeOf } from './errors.js';
import { PORT } from './socket-folder.js';

/**
 * A process is present as long as its session holds this lock in shared mode. Postgres itself forgets those who died, so
 * there is nothing to clean up. It is taken in the maintenance database: no key of the service's own can collide with it.
 */
const PRESENCE_KEY = 0x1ea5e401d;
const MAINTENANCE_DATABASE = 'postgres';
export const DATABASE = 'leasehold';

const CONNECT_TIMEOUT_MS = 5_000;

export type Attempt =
  | { readonly kind: 'present'; readonly client: pg.Client }
  /** it runs, but is starting up, is being stopped by the last who left, or has no connection free: ask again */
  | { readonly kind: 'busy'; readonly error: unknown }
  | { readonly kind: 'refused'; readonly error: unknown }
  | { readonly kind: 'unreachable'; readonly error: unknown };

export async function attemptPresence(cluster: Cluster): Promise<Attempt> {
  const client = new PostgresClient({
    host: cluster.socketDir,
    port: PORT,
    user: USER,
    password: cluster.password,
    database: MAINTENANCE_DATABASE,
    application_name: 'leasehold presence',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  try {
    await client.connect();
    if (await asked(client, `pg_try_advisory_lock_shared(${String(PRESENCE_KEY)})`)) {
      await createDatabase(client);
      return { kind: 'present', client };
    }
    await close(client);
    return { kind: 'busy', error: new Error('the last process that used it is stopping it') };
  } catch (error) {
    await close(client);
    return { kind: kindOf(error), error };
  }
}

/**
 * Gives the presence up and answers whether nobody else is present; then everybody is kept out until Postgres stops. A Postgres
 * that says nothing has not heard of it.
 */
export async function endPresence(
  client: pg.Client,
  withinMs: number,
): Promise<'last' | 'others remain' | 'no answer'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'no answer'>((resolve) => {
    timer = setTimeout(() => resolve('no answer'), withinMs);
  });
  return Promise.race([ended(client), late]).finally(() => clearTimeout(timer));
}

async function ended(client: pg.Client): Promise<'last' | 'others remain'> {
  await client.query(`SELECT pg_advisory_unlock_shared(${String(PRESENCE_KEY)})`);
  return (await asked(client, `pg_try_advisory_lock(${String(PRESENCE_KEY)})`)) ? 'last' : 'others remain';
}

export async function close(client: pg.Client): Promise<void> {
  await client.end().catch(() => undefined);
}

async function asked(client: pg.Client, expression: string): Promise<boolean> {
  const { rows } = await client.query<{ answer: boolean }>(`SELECT ${expression} AS answer`);
  return rows[0]?.answer === true;
}

async function createDatabase(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
  if (rowCount !== 0) return;
  try {
    await client.query(`CREATE DATABASE ${DATABASE}`);
  } catch (error) {
    // Another process was faster: duplicate_database, or the unique index beneath it.
    if (!['42P04', '23505'].includes(codeOf(error) ?? '')) throw error;
  }
}

function kindOf(error: unknown): 'busy' | 'refused' | 'unreachable' {
  const code = codeOf(error) ?? '';
  // cannot_connect_now, admin_shutdown, crash_shutdown, too_many_connections
  if (['57P03', '57P01', '57P02', '53300'].includes(code)) return 'busy';
  // invalid authorization; the socket exists but is not ours to open
  if (code.startsWith('28') || code === 'EACCES') return 'refused';
  return 'unreachable';
}
