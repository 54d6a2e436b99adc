import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { leasehold } from '../support/cli.js';
import { connectionUrl, createEmptyDatabase, createTestDatabase, type Connection } from '../support/database.js';
import { SECRETS_KEY, serve, type Service } from '../support/service.js';

/* A command that only reads makes neither keys nor a database, whatever the settings name. */

let folder: string;
let service: Service;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leasehold-test-reads-'));
  service = await serve();
});
afterAll(async () => {
  await service?.close();
  await rm(folder, { recursive: true, force: true });
});

const ID = randomUUID();
const READING: readonly (readonly string[])[] = [
  ['leases', 'list', '--company', ID],
  ['environments', 'list', '--company', ID],
  ['events', 'list', '--company', ID],
  ['audit', 'head'],
  ['projections', 'list'],
  ['parked', 'list'],
];

const at = (connection: Connection, args: readonly string[], more: Record<string, string> = {}) =>
  leasehold(
    { LEASEHOLD_DATA_DIR: join(folder, 'data'), ...more },
    '--database-url',
    connectionUrl(connection),
    ...args,
  );

async function tablesOf(connection: Connection): Promise<number> {
  const client = new pg.Client(connection);
  await client.connect();
  const { rows } = await client.query<{ count: string }>(
    `SELECT count(*) FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^(pg_|information)')`,
  );
  await client.end();
  return Number(rows[0]?.count);
}

test.each([
  ['empty', createEmptyDatabase],
  ['migrated, but never served', createTestDatabase],
])('a database that is %s is refused, and stays as it is', async (_, create) => {
  const database = await create();
  try {
    const before = await tablesOf(database.connection);
    for (const args of READING.slice(0, 2)) {
      expect(await at(database.connection, args, { LEASEHOLD_SECRETS_KEY: SECRETS_KEY })).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringContaining('does not have the tables of this release. Start the service on it'),
      });
    }
    expect(await tablesOf(database.connection)).toBe(before);
    expect(await readdir(folder)).toEqual([]);
  } finally {
    await database.drop();
  }
});

test('without the master key it says so, and makes none', async () => {
  expect(await at(service.connection, ['leases', 'list', '--company', ID])).toMatchObject({
    code: 1,
    err: expect.stringContaining(
      'set LEASEHOLD_SECRETS_KEY to its key, or LEASEHOLD_DATA_DIR to the service’s data folder.',
    ),
  });
  expect(await readdir(folder)).toEqual([]);
});

test.each(READING.map((args) => [args.join(' '), args] as const))(
  '%s reads without a data folder, and no key is made to seal with',
  async (_, args) => {
    const found = await at(service.connection, args, { LEASEHOLD_SECRETS_KEY: SECRETS_KEY });
    expect(found).toMatchObject({ code: args.includes('audit') ? expect.any(Number) : 0 });
    expect(found.out).not.toContain('PUBLIC KEY');
    expect(await readdir(folder)).toEqual([]);
  },
);

test('a command that changes something does', async () => {
  const acquire = ['leases', 'acquire', '--company', ID, '--json'];
  const made = await at(service.connection, acquire, { LEASEHOLD_SECRETS_KEY: SECRETS_KEY });
  expect(made).toMatchObject({ code: 0, out: expect.stringContaining('"status":"active"') });
  expect(await readdir(folder)).toEqual(['data']);
});
