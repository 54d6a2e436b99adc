import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { expectNoSecrets } from './secrets-used.js';

export interface Connection {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
}

export interface TestDatabase {
  readonly connection: Connection;
  /** drops it, whoever is still connected */
  drop(): Promise<void>;
}

/**
 * A fresh database in the test run's Postgres, with the service's tables: test files that run at once do not see each other.
 * It is a copy of the one that the run's set-up has migrated.
 */
export function createTestDatabase(): Promise<TestDatabase> {
  return createDatabase(testServer().database);
}

export function createEmptyDatabase(): Promise<TestDatabase> {
  return createDatabase('template1');
}

/** With what is in it; nobody may be connected to it. */
export function copyDatabase({ connection }: TestDatabase): Promise<TestDatabase> {
  return createDatabase(connection.database);
}

async function createDatabase(template: string): Promise<TestDatabase> {
  const database = `test_${randomBytes(8).toString('hex')}`;
  const connection = { ...testServer(), database };
  const server = serverPool();
  // Page by page it would go through the write-ahead log too.
  await server.query(`CREATE DATABASE ${database} TEMPLATE ${template} STRATEGY file_copy`);
  return {
    connection,
    drop: async () => {
      const { rows } = await server.query(`SELECT FROM pg_database WHERE datname = '${database}'`);
      if (rows.length === 0) return;
      await expectNoSecrets({ connection });
      await server.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    },
  };
}

/** The same as a URL, for what wants one (DATABASE_URL, BullMQ's Postgres backend). */
export function connectionUrl({ host, port, user, password, database }: Connection): string {
  return `postgresql://${user}:${encodeURIComponent(password)}@${encodeURIComponent(host)}:${String(port)}/${database}`;
}

/** The test run's Postgres. */
export function testServer(): Connection {
  const json = process.env['LEASEHOLD_TEST_POSTGRES'];
  if (json === undefined) throw new Error('LEASEHOLD_TEST_POSTGRES is not set: run the tests with `npm test`');
  return JSON.parse(json) as Connection;
}

let pool: pg.Pool | undefined;

/** One connection for all the databases that this worker makes and drops. It keeps the worker from nothing. */
function serverPool(): pg.Pool {
  pool ??= new pg.Pool({ ...testServer(), database: 'postgres', max: 1, idleTimeoutMillis: 0, allowExitOnIdle: true })
    // The run's Postgres may end before the worker does.
    .on('error', () => undefined);
  return pool;
}
