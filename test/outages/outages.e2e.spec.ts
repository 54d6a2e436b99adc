import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { Readiness } from '../../src/platform/operations/readiness.js';
import { connectionUrl, createTestDatabase, testServer, type TestDatabase } from '../support/database.js';
import { Gate } from '../support/gate.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { SECRETS_KEY, ServiceHome, type ServiceProcess } from '../support/service.js';
import { grown, IS_SOAK } from '../support/soak.js';

const SLOW = 180_000;
/** How long an outage lasts. */
const OUTAGE_MS = grown(6_000, 30_000);
const SHUTDOWN_MS = 4_000;
/** For a slow machine, beside what it was given. */
const LEEWAY_MS = 10_000;

const BOX = { name: 'Box', driver: 'sandbox', config: { provider: 'bubblewrap' } };
/** The service's role: what belongs to the server's owner is its too, but it is no superuser, whom no right can be taken from. */
const APP = `app_${String(process.pid)}`;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let home: ServiceHome;
let database: TestDatabase;
let redis: TestRedis;
let toRedis: Gate;
let toPostgres: Gate;

beforeAll(async () => {
  home = await ServiceHome.empty();
  database = await createTestDatabase();
  await sql(`CREATE ROLE ${APP} LOGIN IN ROLE ${testServer().user}`, false);
  redis = await startRedis();
  toRedis = await Gate.to(Number(new URL(redis.url).port));
  toPostgres = await Gate.to(`${database.connection.host}/.s.PGSQL.${database.connection.port}`);
}, SLOW);
afterAll(async () => {
  await home?.endAll();
  await toRedis?.close();
  await toPostgres?.close();
  await redis?.stop();
  await database?.drop();
  await sql(`DROP ROLE ${APP}`, false);
  await home?.close();
}, SLOW);

const askRedis = async (...command: [string, ...string[]]): Promise<void> => {
  const client = new Redis(redis.url);
  await client.call(...command).finally(() => client.disconnect());
};

/** As the server's owner, in the database or beside it. */
async function sql(text: string, inIt = true): Promise<void> {
  const client = new pg.Client({ ...testServer(), ...(inIt && { database: database.connection.database }) });
  await client.connect();
  await client.query(text).finally(() => client.end());
}

const endSessions = (): Promise<void> =>
  sql(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = '${database.connection.database}' AND pid <> pg_backend_pid()`,
    false,
  );
const readOnly = async (on: boolean): Promise<void> => {
  await sql(
    `ALTER DATABASE ${database.connection.database} SET default_transaction_read_only = ${on ? 'on' : 'off'}`,
    false,
  );
  await endSessions();
};
const noSpace = `CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;`;

interface Outage {
  readonly what: string;
  readonly queue: 'redis' | 'postgres';
  readonly begin: () => Promise<void>;
  readonly end: () => Promise<void>;
  /** What the readiness says. */
  readonly reason: RegExp;
}

const OUTAGES: readonly Outage[] = [
  {
    what: 'Redis has no memory',
    queue: 'redis',
    begin: () => askRedis('CONFIG', 'SET', 'maxmemory', '1'),
    end: () => askRedis('CONFIG', 'SET', 'maxmemory', '0'),
    reason: /OOM/,
  },
  {
    what: 'Redis is a replica',
    queue: 'redis',
    begin: () => askRedis('REPLICAOF', '127.0.0.1', '1'),
    end: () => askRedis('REPLICAOF', 'NO', 'ONE'),
    reason: /READONLY/,
  },
  {
    what: 'Redis is gone',
    queue: 'redis',
    begin: () => toRedis.close(),
    end: () => toRedis.open(),
    reason: /ECONN|connection/i,
  },
  {
    what: 'the queue’s right is taken away',
    queue: 'postgres',
    begin: () => sql(`REVOKE USAGE ON SCHEMA bull FROM ${testServer().user}`),
    end: () => sql(`GRANT USAGE ON SCHEMA bull TO ${testServer().user}`),
    reason: /permission denied|does not exist/,
  },
  {
    what: 'Postgres is read-only',
    queue: 'postgres',
    begin: () => readOnly(true),
    end: () => readOnly(false),
    reason: /read-only/,
  },
  {
    what: 'Postgres has no space for the queue',
    queue: 'postgres',
    begin: () => sql(`${noSpace} CREATE TRIGGER no_space BEFORE INSERT ON bull.job EXECUTE FUNCTION no_space()`),
    end: () => sql('DROP FUNCTION no_space CASCADE'),
    reason: /No space left/,
  },
  {
    what: 'Postgres is gone',
    queue: 'postgres',
    begin: () => toPostgres.close(),
    end: () => toPostgres.open(),
    reason: /./,
  },
];
/** One of each kind; the soak has all of them. */
const TRIED = OUTAGES.filter(
  ({ what }) => IS_SOAK || !['Redis is a replica', 'Postgres has no space for the queue'].includes(what),
);

const settings = (queue: Outage['queue'], redisUrl = `redis://127.0.0.1:${toRedis.port}`): Record<string, string> => ({
  DATABASE_URL: connectionUrl({ ...database.connection, host: '127.0.0.1', port: toPostgres.port, user: APP }),
  LEASEHOLD_SECRETS_KEY: SECRETS_KEY,
  LEASEHOLD_SHUTDOWN_MS: String(SHUTDOWN_MS),
  ...(queue === 'redis' && { REDIS_URL: redisUrl }),
});

async function ready(service: ServiceProcess): Promise<{ status: number; body: Readiness }> {
  return service.api.send<Readiness>('GET', '/api/ready');
}

async function readyAgain(service: ServiceProcess): Promise<void> {
  while ((await ready(service)).status !== 200) await sleep(200);
}

async function endsInTime(service: ServiceProcess): Promise<void> {
  const asked = performance.now();
  process.kill(service.pid, 'SIGTERM');
  await service.exited();
  expect(performance.now() - asked).toBeLessThan(SHUTDOWN_MS + LEEWAY_MS);
}

/** Lines that it has written since, a second. */
function pace(service: ServiceProcess, from: number, sinceMs: number): number {
  const lines = service.output.slice(from).split('\n').filter(Boolean);
  return lines.length / ((performance.now() - sinceMs) / 1_000);
}

describe.each(TRIED)('$what', ({ queue, begin, end, reason }) => {
  test(
    'is told in less than a line a second and by the readiness, and is over when it is over',
    async () => {
      const service = await home.start(settings(queue));
      await readyAgain(service);
      const companyId = randomUUID();
      const { id: environmentId } = await service.api.createEnvironment(companyId, BOX);
      const path = `/api/companies/${companyId}/leases`;
      const acquire = () => service.api.send('POST', path, { environmentId }, { Prefer: 'wait=0' }).catch(() => null);
      await acquire();
      const [from, since] = [service.output.length, performance.now()];
      await begin();
      try {
        let seen = '';
        while (performance.now() - since < OUTAGE_MS) {
          await acquire();
          // Alive, though nothing can be done.
          expect(await service.api.send('GET', '/api/health')).toMatchObject({ status: 200 });
          const { status, body } = await ready(service);
          if (status === 503) seen = JSON.stringify(body.checks);
          await sleep(100);
        }
        expect(seen).toMatch(reason);
        expect(pace(service, from, since)).toBeLessThan(1);
      } finally {
        await end();
      }
      await readyAgain(service);
      const { lease } = await service.api.acquire(companyId, { environmentId }, { Prefer: 'wait=60' });
      await service.api.release(lease.id, {}, { Prefer: 'wait=60' });
      await begin();
      await endsInTime(service).finally(end);
    },
    SLOW,
  );
});

test(
  'a password that Redis does not take is told by the readiness until it takes it, and keeps nobody from ending the service',
  async () => {
    await askRedis('CONFIG', 'SET', 'requirepass', 'another');
    const wrong = settings('redis', `redis://:secret@127.0.0.1:${toRedis.port}`);
    const password = async (value: string): Promise<void> => {
      const client = new Redis(redis.url, { password: 'another' });
      await client.config('SET', 'requirepass', value).finally(() => client.disconnect());
    };
    try {
      const [service, other] = await Promise.all([home.start(wrong), home.start(wrong)]);
      const [from, since] = [service.output.length, performance.now()];
      await sleep(OUTAGE_MS);
      expect(await ready(service)).toMatchObject({ status: 503, body: { checks: { queue: { ok: false } } } });
      expect(JSON.stringify((await ready(service)).body)).toMatch(/WRONGPASS|NOAUTH/);
      expect(pace(service, from, since)).toBeLessThan(1);
      await endsInTime(other);
      await password('secret');
      await readyAgain(service);
      await endsInTime(service);
    } finally {
      const client = new Redis(redis.url, { password: 'secret' });
      await client.config('SET', 'requirepass', '').finally(() => client.disconnect());
    }
  },
  SLOW,
);
