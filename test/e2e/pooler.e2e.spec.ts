import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { connectionUrl, createTestDatabase, type TestDatabase } from '../support/database.js';
import { PgBouncer } from '../support/pgbouncer.js';
import { ServiceHome } from '../support/service.js';
import { expectWholeLeaseLife } from '../support/whole-lease-life.js';

let home: ServiceHome;
let database: TestDatabase;
let pooler: PgBouncer | null = null;

beforeAll(async () => {
  home = await ServiceHome.empty();
  database = await createTestDatabase();
});
afterEach(async () => {
  await home.endAll();
  await pooler?.stop();
  pooler = null;
}, 60_000);
afterAll(async () => {
  await home?.close();
  await database?.drop();
});

test('a pooler in session mode, which speaks no TLS: leases live and end as everywhere', async () => {
  pooler = await PgBouncer.start(database.connection, 'session');
  const url = `${connectionUrl(pooler.connection)}?sslmode=prefer`;
  const service = await home.start({ DATABASE_URL: url, LEASEHOLD_LOCAL_EXECUTE: 'true' });
  await expectWholeLeaseLife(service.api);
  expect(await service.interrupt()).toBe(0);
  expect(service.output).not.toMatch(/ERROR|WARN/);
});

test('a pooler in transaction mode is recognised, and the service does not start', async () => {
  pooler = await PgBouncer.start(database.connection, 'transaction');
  const service = home.spawn({ DATABASE_URL: connectionUrl(pooler.connection) });
  expect(await service.exited()).toBe(1);
  expect(service.output).toContain('Leasehold does not start.');
  expect(service.output).toContain('pool_mode = session');
  expect(service.output).not.toMatch(/\n\s+at /);
});
