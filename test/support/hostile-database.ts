import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { type Connection, createEmptyDatabase, type TestDatabase } from './database.js';

/** Each of them other than the service relies on. */
export const HOSTILE: Readonly<Record<string, string>> = {
  DateStyle: 'German, DMY',
  TimeZone: 'Asia/Kathmandu',
  IntervalStyle: 'iso_8601',
  bytea_output: 'escape',
  standard_conforming_strings: 'off',
  array_nulls: 'off',
  default_transaction_isolation: 'serializable',
};

export async function setDefaults(connection: Connection, settings: Readonly<Record<string, string>>): Promise<void> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    for (const [name, value] of Object.entries(settings)) {
      await client.query(`ALTER DATABASE ${connection.database} SET ${name} = '${value}'`);
    }
  } finally {
    await client.end();
  }
}

/** A database that sets everything to something else, and a role that may do no more there than it must. */
export async function createHostileDatabase(mayCreate = true): Promise<TestDatabase> {
  const database = await createEmptyDatabase();
  const role = `test_role_${randomBytes(8).toString('hex')}`;
  const client = new pg.Client(database.connection);
  await client.connect();
  try {
    await client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'of a test'`);
    await client.query(`CREATE SCHEMA app AUTHORIZATION ${role}`);
    if (mayCreate) await client.query(`GRANT CREATE ON DATABASE ${database.connection.database} TO ${role}`);
  } finally {
    await client.end();
  }
  await setDefaults(database.connection, { ...HOSTILE, search_path: 'app' });
  return {
    connection: { ...database.connection, user: role, password: 'of a test' },
    drop: async () => {
      await database.drop();
      await dropRole({ ...database.connection, database: 'postgres' }, role);
    },
  };
}

async function dropRole(connection: Connection, role: string): Promise<void> {
  const client = new pg.Client(connection);
  await client.connect();
  await client.query(`DROP ROLE ${role}`).finally(() => client.end());
}
