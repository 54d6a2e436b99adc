import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { connectionUrl, createEmptyDatabase } from '../support/database.js';
import { createHostileDatabase, setDefaults } from '../support/hostile-database.js';
import { ServiceHome } from '../support/service.js';
import { expectWholeLeaseLife } from '../support/whole-lease-life.js';

const OPTIONS = '-c statement_timeout=60000 -c DateStyle=SQL -c TimeZone=America/New_York -c search_path=pg_catalog';

let home: ServiceHome;
beforeAll(async () => {
  home = await ServiceHome.empty();
});
afterEach(() => home.endAll(), 60_000);
afterAll(() => home?.close());

describe('a database that sets everything to something else, and a role that may do no more than it must', () => {
  test.each([
    ['without options in the URL', {}],
    // The tables are where the role's own search_path says, not where the URL's would.
    ['with options in the URL', { options: OPTIONS.replace('pg_catalog', 'app') }],
  ])('%s: leases live and end as everywhere', async (_, parameters) => {
    const database = await createHostileDatabase();
    try {
      const query = new URLSearchParams(parameters).toString().replaceAll('+', '%20');
      const url = `${connectionUrl(database.connection)}${query === '' ? '' : `?${query}`}`;
      const service = await home.start({ DATABASE_URL: url, LEASEHOLD_LOCAL_EXECUTE: 'true' });
      await expectWholeLeaseLife(service.api);
      expect(await service.interrupt()).toBe(0);
      expect(service.output).not.toMatch(/ERROR|WARN/);
    } finally {
      await home.endAll();
      await database.drop();
    }
  });
});

describe('a database that the service cannot work on is told of in a line that says what helps', () => {
  async function refusal(url: string): Promise<string> {
    const service = home.spawn({ DATABASE_URL: url });
    expect(await service.exited()).toBe(1);
    expect(service.output).toContain('Leasehold does not start.');
    expect(service.output).not.toMatch(/\n\s+at /);
    return service.output;
  }

  test('a role without CREATE on the database', async () => {
    const database = await createHostileDatabase(false);
    const { user, database: name } = database.connection;
    try {
      expect(await refusal(connectionUrl(database.connection))).toContain(
        `GRANT CREATE ON DATABASE "${name}" TO "${user}"`,
      );
    } finally {
      await database.drop();
    }
  });

  test.each([
    ['read-only', { default_transaction_read_only: 'on' }, 'The database is read-only'],
    ['a search_path that leads nowhere', { search_path: 'nowhere' }, 'The search_path (nowhere) names no schema'],
  ])('%s', async (_, settings, told) => {
    const database = await createEmptyDatabase();
    try {
      await setDefaults(database.connection, settings);
      expect(await refusal(connectionUrl(database.connection))).toContain(told);
    } finally {
      await database.drop();
    }
  });

  test('another encoding', async () => {
    const database = await createEmptyDatabase();
    const client = new pg.Client(database.connection);
    await client.connect();
    const name = `${database.connection.database}_ascii`;
    try {
      await client.query(
        `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'`,
      );
      expect(await refusal(connectionUrl({ ...database.connection, database: name }))).toContain('encoding SQL_ASCII');
    } finally {
      await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await client.end();
      await database.drop();
    }
  });
});
