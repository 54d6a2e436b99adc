import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import pg from 'pg';
import { uuidv7 } from 'uuidv7';
import { createLogDatabase, openLog, type OpenLog, allAfter } from '../../support/event-log.js';
import type { TestDatabase } from '../../support/database.js';
import { Appender } from './appender.js';
import { contest, type Contest, type Outcome, type Plan } from './append-plan.js';
import { checkAcknowledged, checkConflicts, checkDecisions, checkKeys, checkOrder } from './check-log.js';
import { Follower } from './follower.js';

/** A run has some 300 appends and takes well under a second; what takes this long has stalled. */
const STALLED_MS = 10_000;
const RUNS = 6;

let database: TestDatabase;
let appenders: Appender[] = [];
let reader: OpenLog;
const bystanders: pg.Client[] = [];

beforeAll(async () => {
  database = await createLogDatabase();
  reader = openLog(database.connection);
  appenders = await Promise.all([Appender.start(database.connection), Appender.start(database.connection)]);
});

afterEach(async () => {
  for (const client of bystanders.splice(0)) await client.end();
});

afterAll(async () => {
  await Promise.all(appenders.map((appender) => appender.stop()));
  await reader?.close();
  await database?.drop();
});

describe('random appends of two processes', () => {
  it('are gapless, in commit order, exactly once, and a follower misses none', async () => {
    await fc.assert(fc.asyncProperty(contest, holdsFor), { numRuns: RUNS, endOnFailure: true });
  });

  it('are so too, and do not stall, while other transactions of the database are held open', async () => {
    const reading = await bystander();
    await reading.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    const before = await reading.query('SELECT count(*) FROM events');
    const writing = await bystander();
    await writing.query('CREATE TABLE elsewhere (id integer)');
    await writing.query('BEGIN');
    await writing.query('INSERT INTO elsewhere VALUES (1)');
    const { rows } = await writing.query<{ xid: string }>('SELECT pg_current_xact_id_if_assigned()::text AS xid');
    expect(rows[0]?.xid).toEqual(expect.any(String));

    await fc.assert(fc.asyncProperty(contest, holdsFor), { numRuns: RUNS, endOnFailure: true });

    expect((await reading.query('SELECT count(*) FROM events')).rows).toEqual(before.rows);
    await reading.query('COMMIT');
    await writing.query('COMMIT');
    expect((await writing.query('SELECT id FROM elsewhere')).rows).toEqual([{ id: 1 }]);
  });
});

async function holdsFor({ concurrency, first, second }: Contest): Promise<void> {
  const run = uuidv7();
  const companyId = uuidv7();
  const base = await reader.log.read.head();
  const follower = new Follower(reader.log, base);
  const watch = new PrefixWatch();

  const plans: Plan[] = [
    { run, process: 'one', companyId, concurrency, steps: first },
    { run, process: 'two', companyId, concurrency, steps: second },
  ];
  const started = performance.now();
  const outcomes = (
    await Promise.all(appenders.map((appender, index) => appender.carryOut(plans[index] as Plan)))
  ).flat();
  const seen = await follower.stop();
  expect(performance.now() - started).toBeLessThan(STALLED_MS);
  await watch.stop();

  expect(outcomes.filter(({ error }) => error !== null)).toEqual([]);
  expect(outcomes).toHaveLength(first.length + second.length);
  const events = await allAfter(reader.log, base);
  expect(seen).toEqual(events);
  checkOrder(events, base);
  checkAcknowledged(events, outcomes);
  checkDecisions(events, outcomes, base);
  checkConflicts(events, outcomes);
  checkKeys(events, outcomes);
  await checkTables(run, outcomes);
}

/** A refused append has left nothing in the other tables either. */
async function checkTables(run: string, outcomes: readonly Outcome[]): Promise<void> {
  const streams = await reader.pool.query(
    `SELECT count(*)::int AS wrong FROM
       (SELECT stream, version FROM streams WHERE starts_with(stream, $1)) s FULL JOIN
       (SELECT stream, max(version) AS version FROM events WHERE starts_with(stream, $1) GROUP BY stream) e USING (stream)
      WHERE s.version IS DISTINCT FROM e.version`,
    [run],
  );
  expect(streams.rows).toEqual([{ wrong: 0 }]);
  const keys = await reader.pool.query<{ key: string }>(
    'SELECT key FROM idempotency WHERE starts_with(key, $1) ORDER BY key',
    [run],
  );
  const won = outcomes.flatMap(({ append, verdict }) =>
    verdict?.kind === 'ok' && append.idempotency ? [append.idempotency.key] : [],
  );
  expect(keys.rows.map((row) => row.key)).toEqual(won.toSorted());
}

/** Looks at the log from outside, all the time: whatever can be seen at one moment has no gap. */
class PrefixWatch {
  private stopped = false;
  private readonly done = this.watch();

  constructor() {
    // It is awaited in `stop`; until then a failure must not end the process.
    this.done.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.done;
  }

  private async watch(): Promise<void> {
    let highest = 0;
    while (!this.stopped) {
      const { rows } = await reader.pool.query<{ events: number; head: number }>(
        'SELECT count(*) AS events, coalesce(max(position), 0) AS head FROM events',
      );
      const { events, head } = rows[0] ?? { events: NaN, head: NaN };
      expect({ events, head }).toEqual({ events: head, head });
      expect(head).toBeGreaterThanOrEqual(highest);
      highest = head;
    }
  }
}

async function bystander(): Promise<pg.Client> {
  const client = new pg.Client(database.connection);
  await client.connect();
  bystanders.push(client);
  return client;
}
