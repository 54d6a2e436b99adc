import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { createPool, PostgresClient } from '../../../src/event-sourcing/postgres/index.js';
import { type Connection, createEmptyDatabase, type TestDatabase } from '../../support/database.js';
import { HOSTILE, setDefaults } from '../../support/hostile-database.js';

const AS_RELIED_ON = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transaction_isolation: 'read committed',
};

let database: TestDatabase;
beforeAll(async () => {
  database = await createEmptyDatabase();
  await setDefaults(database.connection, HOSTILE);
});
afterAll(() => database?.drop());

async function settingsOf(client: pg.ClientBase | pg.Pool, names = Object.keys(AS_RELIED_ON)): Promise<object> {
  const each = names.map((name) => `current_setting('${name}') AS "${name}"`);
  const { rows } = await client.query<Record<string, string>>(`SELECT ${each.join(', ')}`);
  return rows[0] ?? {};
}

test('the database sets what the service relies on to something else', async () => {
  const plain = new pg.Client(database.connection);
  await plain.connect();
  const found = Object.entries(await settingsOf(plain));
  // The driver asks for an encoding of its own.
  const same = found.filter(([name, value]) => value === Reflect.get(AS_RELIED_ON, name));
  expect(same).toEqual([['client_encoding', 'UTF8']]);
  await plain.end();
});

test('every session has it as it relies on it, whatever the database, the URL and the environment set', async () => {
  const startOptions = '-c DateStyle=German -c TimeZone=Asia/Kathmandu -c default_transaction_isolation=serializable';
  for (const config of [database.connection, { ...database.connection, startOptions }]) {
    const client = new PostgresClient(config);
    await client.connect();
    expect(await settingsOf(client)).toEqual(AS_RELIED_ON);
    await client.end();
    const pool = createPool({ ...config, max: 1, settings: { search_path: 'pg_catalog' } });
    expect(await settingsOf(pool)).toEqual(AS_RELIED_ON);
    expect(await settingsOf(pool, ['search_path'])).toEqual({ search_path: 'pg_catalog' });
    await pool.end();
  }
});

test('options of the URL count for what the service does not rely on', async () => {
  const client = new PostgresClient({ ...database.connection, startOptions: '-c work_mem=5MB -c DateStyle=SQL' });
  await client.connect();
  expect(await settingsOf(client, ['work_mem', 'DateStyle'])).toEqual({ work_mem: '5MB', DateStyle: 'ISO, MDY' });
  await client.end();
});

test('a setting that the session does not take ends the connection with its name, and the place in the pool is free', async () => {
  const wrong: Connection & { settings: Record<string, string> } = {
    ...database.connection,
    settings: { search_path: 'x', nosuchsetting: '1' },
  };
  const pool = createPool({ ...wrong, max: 1 });
  for (let attempt = 0; attempt < 3; attempt += 1)
    await expect(pool.query('SELECT 1')).rejects.toThrow('nosuchsetting');
  expect(pool.totalCount).toBe(0);
  await pool.end();
});
