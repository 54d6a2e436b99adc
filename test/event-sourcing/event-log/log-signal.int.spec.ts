import { NOTIFY_EVERY_MS } from '../../../src/event-sourcing/event-log/log-signal.js';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { once, EventEmitter } from 'node:events';
import { uuidv7 } from 'uuidv7';
import type { TestDatabase } from '../../support/database.js';
import { createLogDatabase, openLog, type OpenLog } from '../../support/event-log.js';
import { append, write } from './appends.js';

let database: TestDatabase;
let listening: OpenLog;
let appending: OpenLog;
const heard = new EventEmitter();

beforeAll(async () => {
  database = await createLogDatabase();
  listening = openLog(database.connection);
  appending = openLog(database.connection);
  listening.log.signal.subscribe(() => heard.emit('signal'));
});

afterAll(async () => {
  await listening?.close();
  await appending?.close();
  await database?.drop();
});

const appendOne = () => appending.log.append(append([write(`test-${uuidv7()}`, 0)]));

it('an append of another process is signalled, and so is every connection', async () => {
  const connected = once(heard, 'signal');
  await listening.log.signal.listen();
  await connected;

  const signalled = once(heard, 'signal');
  await appendOne();
  await signalled;
});

it('goes on after the listening connection was cut', async () => {
  const reconnected = once(heard, 'signal');
  const { rows } = await listening.pool.query<{ cut: boolean }>(
    `SELECT pg_terminate_backend(pid) AS cut FROM pg_stat_activity
      WHERE datname = current_database() AND query LIKE 'LISTEN %'`,
  );
  expect(rows).toEqual([{ cut: true }]);
  await reconnected;

  const signalled = once(heard, 'signal');
  await appendOne();
  await signalled;
});

it('many appends within a moment are one notification', async () => {
  await new Promise((resolve) => setTimeout(resolve, 3 * NOTIFY_EVERY_MS));
  let signals = 0;
  const count = () => (signals += 1);
  heard.on('signal', count);
  const started = performance.now();
  await Promise.all(Array.from({ length: 200 }, appendOne));
  const windows = Math.ceil((performance.now() - started) / NOTIFY_EVERY_MS);
  await new Promise((resolve) => setTimeout(resolve, 3 * NOTIFY_EVERY_MS));
  heard.off('signal', count);
  expect(signals).toBeGreaterThanOrEqual(1);
  expect(signals).toBeLessThanOrEqual(windows + 1);
});

it('an append is signalled at once within its own process, until one unsubscribes', async () => {
  let signals = 0;
  const unsubscribe = appending.log.signal.subscribe(() => (signals += 1));
  await appendOne();
  expect(signals).toBe(1);
  unsubscribe();
  await appendOne();
  expect(signals).toBe(1);
});
