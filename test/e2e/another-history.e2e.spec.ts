import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { eventually } from '../platform/embedded/support.js';
import { connectionUrl, createTestDatabase, type TestDatabase, testServer } from '../support/database.js';
import { ServiceHome, type ServiceProcess } from '../support/service.js';

interface Verified {
  readonly differing: number;
}

let home: ServiceHome;
let database: TestDatabase;
let admin: pg.Client;

beforeAll(async () => {
  home = await ServiceHome.empty();
  database = await createTestDatabase();
  admin = new pg.Client({ ...testServer(), database: 'postgres' });
  await admin.connect();
});
afterAll(async () => {
  await home?.close();
  await database?.drop();
  await admin?.query(`DROP DATABASE IF EXISTS ${nameOf('before')} WITH (FORCE)`);
  await admin?.query(`DROP DATABASE IF EXISTS ${nameOf('lost')} WITH (FORCE)`);
  await admin?.end();
});

function nameOf(what: 'now' | 'before' | 'lost'): string {
  const { database: name } = database.connection;
  return what === 'now' ? name : `${name}_${what}`;
}

/** Nobody is connected meanwhile, as a database is copied, or put in another's place. */
async function whileNobodyIsThere(work: () => Promise<unknown>): Promise<void> {
  const name = nameOf('now');
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  await eventually(async () => {
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
    await work();
  });
}

const allow = (name: string): Promise<unknown> => admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);

const backup = (): Promise<void> =>
  whileNobodyIsThere(() => admin.query(`CREATE DATABASE ${nameOf('before')} TEMPLATE ${nameOf('now')}`)).then(
    () => void allow(nameOf('now')),
  );

async function restore(): Promise<void> {
  await whileNobodyIsThere(() => admin.query(`ALTER DATABASE ${nameOf('now')} RENAME TO ${nameOf('lost')}`));
  await admin.query(`ALTER DATABASE ${nameOf('before')} RENAME TO ${nameOf('now')}`);
  await allow(nameOf('now'));
}

async function expectSound({ api }: ServiceProcess, leaseIds: readonly string[]): Promise<void> {
  for (const id of leaseIds) expect(await api.lease(id)).toMatchObject({ id, status: 'active' });
  for (const projection of ['leases', 'environments']) {
    const verified = await api.expect<Verified>(200, 'POST', `/api/projections/${projection}/verify`);
    expect(verified.differing).toBe(0);
  }
  // The queue comes back by itself, a moment later.
  await eventually(() => api.expect(200, 'GET', '/api/ready'), 30_000);
}

/** Warnings are paced: one of several at once comes seconds later. */
function toldOf(service: ServiceProcess, text: string): Promise<void> {
  return eventually(async () => {
    await Promise.resolve();
    expect(service.output).toContain(text);
  }, 30_000);
}

async function acquireAll(service: ServiceProcess, company: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let done = 0; done < count; done += 1) {
    const { lease } = await eventually(() => service.api.acquire(company), 30_000);
    ids.push(lease.id);
  }
  return ids;
}

test('the database is restored to an older state while the service runs: what it knew of the lost events is forgotten', async () => {
  const settings = { DATABASE_URL: connectionUrl(database.connection) };
  const service = await home.start(settings);
  const other = await home.start(settings);
  const company = randomUUID();
  const before = await acquireAll(service, company, 5);
  await backup();
  await acquireAll(service, company, 10);
  // Released in a history that is going to be lost: each process knows a newer version than the log will have.
  const [first, ...rest] = before as [string, ...string[]];
  await eventually(() => other.api.release(first), 30_000);
  await eventually(() => service.api.lease(first), 30_000);
  await restore();

  const after = await acquireAll(service, company, 8);
  await expectSound(service, [first, ...rest, ...after]);
  await expectSound(other, [first, ...rest, ...after]);
  const [last] = after;
  expect((await other.api.release(first)).lease.status).toBe('released');
  expect((await service.api.release(last ?? '')).lease.status).toBe('released');
  await toldOf(service, 'the log has a different history');
  await home.endAll();
}, 120_000);

test.each([
  [
    'a checkpoint beyond the head of the log',
    `UPDATE subscriptions SET checkpoint = checkpoint + 1000, checkpoint_event = NULL`,
  ],
  [
    'a checkpoint at an event that the log does not have',
    `UPDATE subscriptions SET checkpoint_event = gen_random_uuid()`,
  ],
])(
  '%s is found at the start, told of, and mended by a rebuild',
  async (_, falsify) => {
    const settings = { DATABASE_URL: connectionUrl(database.connection) };
    const company = randomUUID();
    const first = await home.start(settings);
    const ids = await acquireAll(first, company, 3);
    expect(await first.interrupt()).toBe(0);

    const client = new pg.Client(database.connection);
    await client.connect();
    await client.query(`${falsify} WHERE checkpoint > 0; DELETE FROM leases WHERE company_id = '${company}'`);
    await client.end();

    const second = await home.start(settings);
    ids.push(...(await acquireAll(second, company, 2)));
    await expectSound(second, ids);
    await toldOf(second, 'the log has a different history than before; handling it');
    expect(await second.interrupt()).toBe(0);
  },
  120_000,
);
