import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import type { Problem } from '../../src/platform/http/problem.js';
import type { Readiness } from '../../src/platform/operations/readiness.js';
import { eventually } from '../platform/embedded/support.js';
import type { Answer, Api } from '../support/api.js';
import { connectionUrl, createTestDatabase, type TestDatabase } from '../support/database.js';
import { Wire } from '../support/projections.js';
import { ServiceHome, type ServiceProcess } from '../support/service.js';

const TIMEOUT_MS = 1_500;
/** Beside what the database is waited for: a slow machine has other things to do. */
const BOUND_MS = 30_000;

let home: ServiceHome;
let database: TestDatabase;
let operator: pg.Client;
let wire: Wire;
let service: ServiceProcess;
const company = randomUUID();

beforeAll(async () => {
  home = await ServiceHome.empty();
  database = await createTestDatabase();
  operator = new pg.Client(database.connection);
  await operator.connect();
  wire = await Wire.lay(database.connection);
  service = await home.start({
    DATABASE_URL: connectionUrl(wire.connection),
    LEASEHOLD_DATABASE_TIMEOUT_MS: String(TIMEOUT_MS),
  });
}, 60_000);
afterEach(async () => {
  wire.thaw();
  await eventually(() => service.api.acquire(company), BOUND_MS);
  await eventually(async () => expect((await ready(service.api)).status).toBe(200), BOUND_MS);
}, 90_000);
afterAll(async () => {
  await home?.close();
  wire?.cut();
  await operator?.end();
  await database?.drop();
});

const ready = (api: Api): Promise<Answer<Readiness>> => api.send('GET', '/api/ready');

const acquire = (api: Api): Promise<Answer<Problem>> => api.send('POST', `/api/companies/${company}/leases`, {});

/** Every session of the service begins again, under what the database is set to by then. */
async function set(setting: string): Promise<void> {
  await operator.query(`ALTER DATABASE ${database.connection.database} SET ${setting}`);
  await operator.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
}

test('a read-only database: 503 with a code and when to come back, not ready with the reason, few lines, and back by itself', async () => {
  await set('default_transaction_read_only = on');
  const answer = await eventually(async () => {
    const found = await acquire(service.api);
    expect(found.body.code).toBe('database_read_only');
    return found;
  }, BOUND_MS);
  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).toBe('1');
  for (let more = 0; more < 30; more += 1) expect((await acquire(service.api)).status).toBe(503);
  const { status, body } = await ready(service.api);
  expect([status, body.checks.database]).toEqual([503, { ok: false, detail: 'is read-only' }]);
  const lines = service.output.split('\n').filter((line) => line.includes('database_read_only'));
  expect(lines.length).toBeLessThan(15);
  expect(service.output).not.toContain('ERROR');
  await set('default_transaction_read_only = off');
});

test.each([
  ['53100', 507, 'database_full'],
  ['53200', 503, 'database_overloaded'],
  ['53400', 503, 'database_overloaded'],
  ['57014', 503, 'database_overloaded'],
  ['25006', 503, 'database_read_only'],
])(
  'appends that fail with %s are answered %i %s',
  async (state, status, code) => {
    await operator.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '${state}'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON events EXECUTE FUNCTION refuse()`);
    try {
      const answer = await acquire(service.api);
      expect([answer.status, answer.body.code]).toEqual([status, code]);
      expect(answer.headers.get('retry-after')).toBe('1');
    } finally {
      await operator.query('DROP TRIGGER refuse ON events; DROP FUNCTION refuse');
    }
  },
  90_000,
);

test('a table that others have locked: commands and reads are answered in bounded time', async () => {
  const { lease } = await service.api.acquire(company);
  await operator.query('BEGIN; LOCK TABLE events, leases_g1 IN ACCESS EXCLUSIVE MODE');
  try {
    const since = performance.now();
    const answers = await Promise.all([
      acquire(service.api),
      service.api.send<Problem>('GET', `/api/companies/${company}/leases`),
      service.api.send<Problem>('GET', `/api/environment-leases/${lease.id}/timeline`),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
    expect(performance.now() - since).toBeLessThan(BOUND_MS);
  } finally {
    await operator.query('ROLLBACK');
  }
}, 90_000);

test('a database that does not answer: commands and reads are 503 in bounded time, and the service ends when it is told to', async () => {
  wire.freeze();
  const since = performance.now();
  const answers = await Promise.all([
    ...Array.from({ length: 20 }, () => acquire(service.api)),
    service.api.send<Problem>('GET', `/api/companies/${company}/leases`),
    ready(service.api),
  ]);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
  expect(performance.now() - since).toBeLessThan(BOUND_MS);
}, 90_000);
