import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import type { Readiness } from '../../src/platform/operations/readiness.js';
import { connectionUrl, createTestDatabase, type TestDatabase } from '../support/database.js';
import { ServiceHome, type ServiceProcess } from '../support/service.js';

const SLOW = 120_000;
/** Held by the test for as long as the rebuild is not to get on. */
const HOLD = 77_002;

let database: TestDatabase;
let home: ServiceHome;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  home = await ServiceHome.empty();
  client = new pg.Client(database.connection);
  await client.connect();
}, SLOW);

afterAll(async () => {
  await client?.end();
  await home?.close();
  await database?.drop();
}, SLOW);

const start = (): Promise<ServiceProcess> => home.start({ DATABASE_URL: connectionUrl(database.connection) });

/** Makes the leases' table one of an older release: an older version, and without a column that this one asks for. */
async function makeOlder(): Promise<void> {
  const { rows } = await client.query<{ table: string }>(
    `UPDATE projections SET version = version - 1 WHERE name = 'leases' RETURNING table_name AS "table"`,
  );
  const table = rows[0]?.table ?? '';
  await client.query(`
    DROP VIEW leases;
    ALTER TABLE ${table} DROP COLUMN issue_id;
    CREATE VIEW leases AS SELECT * FROM ${table};
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_advisory_xact_lock(${HOLD}); RETURN NEW; END $$;
    CREATE TRIGGER hold BEFORE UPDATE ON subscriptions FOR EACH ROW
      WHEN (NEW.name LIKE 'leases@%' AND NEW.checkpoint > OLD.checkpoint) EXECUTE FUNCTION hold();
    SELECT pg_advisory_lock(${HOLD});
  `);
}

test(
  'after an upgrade the service takes commands, is not ready, and reads no table of the older release',
  async () => {
    const companyId = randomUUID();
    const before = await start();
    const { lease } = await before.api.acquire(companyId, { issueId: randomUUID() });
    expect(await before.api.lease(lease.id)).toEqual(lease);
    await before.interrupt();
    await makeOlder();

    const service = await start();
    const { status, body } = await service.api.send<Readiness>('GET', '/api/ready');
    expect([status, body.ready, body.checks.projections.ok]).toEqual([503, false, false]);
    expect(body.checks.projections.detail).toMatch(/^leases is being rebuilt for this release \(\d+ %\)$/);
    const made = await service.api.acquire(companyId);
    // Each waits for the read model as long as it may.
    const paths = [`/api/environment-leases/${lease.id}`, `/api/companies/${companyId}/leases`];
    const problems = await Promise.all(paths.map((path) => service.api.problem(503, 'GET', path)));
    const detail = expect.stringContaining('is still being rebuilt');
    for (const problem of problems) expect(problem).toMatchObject({ code: 'read_model_behind', detail });
    expect(await service.api.environment(made.environment.id)).toEqual(made.environment);
    expect((await service.api.send('GET', '/api/ready')).status).toBe(503);

    const waiting = service.api.lease(lease.id);
    await client.query(`SELECT pg_advisory_unlock(${HOLD})`);
    expect(await waiting).toEqual(lease);
    while ((await service.api.send('GET', '/api/ready')).status !== 200) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect((await service.api.everyLease(companyId)).map(({ id }) => id)).toEqual([made.lease.id, lease.id]);
    expect(await service.interrupt()).toBe(0);
  },
  SLOW,
);
