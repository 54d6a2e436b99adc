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
  const server = { ...testServer(), database: 'postgres' };
  const database = `test_${randomBytes(8).toString('hex')}`;
  await execute(server, `CREATE DATABASE ${database} TEMPLATE ${template}`);
  return {
    connection: { ...server, database },
    drop: async () => {
      const { rows } = await execute(server, `SELECT FROM pg_database WHERE datname = '${database}'`);
      if (rows.length === 0) return;
      await expectNoSecrets({ connection: { ...server, database } });
      await execute(server, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
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

async function execute(connection: Connection, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}
