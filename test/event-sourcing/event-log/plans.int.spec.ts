import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type pg from 'pg';
import { uuidv7 } from 'uuidv7';
import { createLogPool, EventLog } from '../../../src/event-sourcing/event-log/index.js';
import type { TestDatabase } from '../../support/database.js';
import { createLogDatabase, TEST_CATALOGUE, wholeStream } from '../../support/event-log.js';
import { append, write } from './appends.js';

let database: TestDatabase;
let pool: pg.Pool;
let log: EventLog;

beforeAll(async () => {
  database = await createLogDatabase();
  // One connection, so that each statement below uses the plan which that connection has kept.
  pool = createLogPool({ ...database.connection, max: 1 });
  log = new EventLog(pool, database.connection, TEST_CATALOGUE);
});

afterAll(async () => {
  await log?.close();
  await pool?.end();
  await database?.drop();
});

// A service that starts on an empty database and is busy at once appended ever more slowly: its connections had planned
// while the statistics said that a table has one page.
it('a connection that has known the tables almost empty does not read all of them once they have grown', async () => {
  const use = async (): Promise<void> => {
    const stream = `test-${uuidv7()}`;
    const idempotency = { key: uuidv7(), fingerprint: 'print', result: {} };
    const more = { correlationKey: stream, parent: `${stream}-parent` };
    await log.transaction((transaction) => transaction.append(append([write(stream, 0, more)], { idempotency })));
    await log.transaction((transaction) => transaction.append(append([write(stream, 1)], { idempotency })));
    await log.transaction((transaction) => transaction.append(append([write(stream, 1, { childless: true })])));
    const conflict = await log.transaction((transaction) => transaction.append(append([write(stream, 1)])));
    expect(conflict.kind).toBe('conflict');
    await wholeStream(log, stream);
    await log.read.openStreamsWithKey(uuidv7(), stream);
    await log.read.openChildren(`${stream}-parent`);
    await log.read.firstResult(uuidv7(), stream);
    await log.read.head();
    await log.read.after(0, { limit: 10 });
  };
  const sequentialScans = async (): Promise<unknown> => {
    await pool.query('SELECT pg_stat_force_next_flush()');
    const { rows } = await pool.query(
      "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname IN ('events', 'streams', 'idempotency') ORDER BY relname",
    );
    return rows;
  };

  for (let time = 0; time < 5; time += 1) await use();
  await pool.query('ANALYZE events, streams, idempotency');
  const before = await sequentialScans();
  for (let time = 0; time < 10; time += 1) await use();
  expect(await sequentialScans()).toEqual(before);
});
