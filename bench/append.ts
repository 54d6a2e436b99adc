import pg from 'pg';
import { DataSource } from 'typeorm';
import { newId } from '../src/event-sourcing/ids/new-id.js';
import { EVENT_LOG_MIGRATIONS } from '../migrations/index.js';
import { createLogPool, EventCatalogue, EventLog, type NewEvent } from '../src/event-sourcing/event-log/index.js';
import { measureInRounds, medianMeasurement, medianOfRatios, type Runnable } from './measure.js';
import { PLAIN, plainInsert, POOL_SIZE } from './plain-insert.js';
import { onOwnPostgres, serverVersion, type Connection } from './own-postgres.js';
import { printReport, type Check, type Row } from './report.js';

const CALLERS = [1, 16, 64];
const ROUNDS = 5;
const LEASEHOLD = 'this log';
const EMMETT = 'Emmett';
const COMPANY = newId();

/** Appends of two events to a new stream: this log, Emmett's store, and a plain one-row INSERT as the yardstick. */
export function benchAppend(json: boolean): Promise<boolean> {
  return onOwnPostgres((connection) => run(connection, json));
}

async function run(connection: Connection, json: boolean): Promise<boolean> {
  const contenders: Runnable[] = [];
  const rows: Row[] = [];
  const checks: Check[] = [];
  try {
    contenders.push(await leasehold(connection), await emmett(connection), await plainInsert(connection));
    for (const callers of CALLERS) {
      const results = await measureInRounds(contenders, { callers, warmUpMs: 300, durationMs: 1_500 }, ROUNDS);
      for (const { name, rounds } of results) {
        const { perSecond, p50Ms, p99Ms } = medianMeasurement(rounds);
        rows.push({ name, callers, perSecond, p50Ms, p99Ms });
      }
      const compare = (other: string, atLeast: number): void => {
        const [mine, theirs] = [LEASEHOLD, other].map((name) => results.find((result) => result.name === name));
        if (!mine || !theirs) throw new Error(`${other} was not measured.`);
        const claim = `${LEASEHOLD} / ${other} at ${callers} ${callers === 1 ? 'caller' : 'callers'}`;
        checks.push({ claim, measured: medianOfRatios(mine, theirs, (round) => round.perSecond), atLeast });
      };
      if (callers === 1) compare(PLAIN, 0.4);
      if (callers === 64) {
        compare(EMMETT, 3);
        compare(PLAIN, 1);
      }
    }
  } finally {
    for (const contender of contenders) await contender.close();
  }
  return printReport(
    {
      bench: 'append',
      measured: `two events an append, each to a new stream; medians of ${ROUNDS} interleaved rounds, fsync on`,
      postgres: await serverVersion(connection),
      rows,
      checks,
    },
    json,
  );
}

async function leasehold(connection: Connection): Promise<Runnable> {
  const { host, port, user: username, password, database } = connection;
  const migrator = new DataSource({
    type: 'postgres',
    ...{ host, port, username, password, database },
    migrations: EVENT_LOG_MIGRATIONS,
  });
  await migrator.initialize();
  await migrator.runMigrations();
  await migrator.destroy();

  const pool = createLogPool({ ...connection, max: 4 });
  const log = new EventLog(pool, connection, new EventCatalogue([]));
  return {
    name: LEASEHOLD,
    async call() {
      const verdict = await log.append({
        companyId: COMPANY,
        actor: 'bench:append',
        correlationId: null,
        causationId: null,
        writes: [
          {
            stream: `lease-${newId()}`,
            expectedVersion: 0,
            events: [newEvent('LeaseRequested'), newEvent('LeaseQueued')],
            category: 'lease',
            correlationKey: null,
            parent: null,
            open: true,
          },
        ],
        guards: [],
        idempotency: null,
      });
      if (verdict.kind !== 'ok') throw new Error(`The append was refused: ${verdict.kind}.`);
    },
    async close() {
      await log.close();
      await pool.end();
    },
  };
}

/** A development dependency, so it is loaded only here. Its schema is made beforehand and it keeps a pool, as its guide says. */
async function emmett(connection: Connection): Promise<Runnable> {
  const { getPostgreSQLEventStore } = await import('@event-driven-io/emmett-postgresql');
  const pool = new pg.Pool({ ...connection, max: POOL_SIZE });
  const store = getPostgreSQLEventStore(urlOf(connection), {
    schema: { autoMigration: 'None' },
    connectionOptions: { pooled: true, pool },
  });
  await store.schema.migrate();
  return {
    name: EMMETT,
    call: () =>
      store.appendToStream(
        `lease-${newId()}`,
        [
          { type: 'LeaseRequested', data: payload() },
          { type: 'LeaseQueued', data: payload() },
        ],
        { expectedStreamVersion: 'STREAM_DOES_NOT_EXIST' },
      ),
    async close() {
      await store.close();
      await pool.end();
    },
  };
}

function newEvent(type: string): NewEvent {
  return { id: newId(), type, schemaVersion: 1, data: payload() };
}

function payload(): Record<string, string | number> {
  return { environmentId: COMPANY, heartbeatRunId: newId(), leasePolicy: 'ephemeral', ttlSeconds: 3_600 };
}

function urlOf({ host, port, user, password, database }: Connection): string {
  const at = `${encodeURIComponent(host)}:${String(port)}`;
  return `postgresql://${user}:${encodeURIComponent(password)}@${at}/${database}`;
}
