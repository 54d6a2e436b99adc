import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { LogPage, RecordedEvent } from '../../../src/event-sourcing/event-log/index.js';
import type { TestDatabase } from '../../support/database.js';
import { createLogDatabase, HAPPENED, openLog, wholeStream, type OpenLog } from '../../support/event-log.js';
import { append, happened, write } from './appends.js';

const MIB = 1024 * 1024;
/** What a page may have: four MiB, and the event that reaches them. */
const PAGE = 6 * MIB;
/** Postgres packs the first to a hundredth, and leaves the second and the small ones as they are. */
const SIZES = [
  ...Array.from({ length: 12 }, () => 'x'.repeat(900_000)),
  ...Array.from({ length: 12 }, () => randomBytes(450_000).toString('hex')),
  ...Array.from({ length: 40 }, () => 'small'),
];

let database: TestDatabase;
let writer: OpenLog;
let reader: OpenLog;
beforeAll(async () => {
  database = await createLogDatabase();
  writer = openLog(database.connection);
  reader = openLog(database.connection);
  let version = 0;
  for (const text of SIZES) {
    const events = [{ ...happened(), data: { text } }];
    expect((await writer.log.append(append([write('lease-1', version, { events })]))).kind).toBe('ok');
    version += 1;
  }
  const events = [happened()];
  for (const stream of ['lease-2', 'lease-3']) await writer.log.append(append([write(stream, 0, { events })]));
});
afterAll(async () => {
  await writer?.close();
  await reader?.close();
  await database?.drop();
});

const bytesOf = (events: readonly RecordedEvent[]): number => JSON.stringify(events).length;

test('H3: a page of large events ends early, also where Postgres has packed them, and says that there are more', async () => {
  const { read } = reader.log;
  const head = SIZES.length + 2;
  const seen: RecordedEvent[] = [];
  for (let page: LogPage = { events: [], hasMore: true }; page.hasMore;) {
    page = await read.after(seen.length, { limit: 5_000, upTo: head });
    expect(page.events.length).toBeGreaterThan(0);
    expect(bytesOf(page.events)).toBeLessThan(PAGE);
    seen.push(...page.events);
  }
  expect(seen.map(({ position }) => position)).toEqual(Array.from({ length: head }, (_, index) => index + 1));
  expect(await read.after(24, { limit: 5_000, upTo: 64 })).toMatchObject({ events: { length: 40 }, hasMore: false });
});

test('H3: a stream is read in pages, others beside it, and all of it is there', async () => {
  const streams = await Promise.all(
    ['lease-1', 'lease-2', 'none', 'lease-3'].map((name) => wholeStream(reader.log, name)),
  );
  expect(streams.map((events) => events.map(({ version }) => version))).toEqual([
    Array.from({ length: SIZES.length }, (_, index) => index + 1),
    [1],
    [],
    [1],
  ]);
  const upTo: number[] = [];
  for await (const { version } of reader.log.read.stream('lease-1', { afterVersion: 3, upTo: 9 })) upTo.push(version);
  expect(upTo).toEqual([4, 5, 6, 7, 8, 9]);
});

test('H3: all streams one after another are read in pages', async () => {
  const seen: [string, number][] = [];
  for await (const events of reader.log.read.inStreamOrder({ upTo: 1_000, types: [HAPPENED] })) {
    expect(bytesOf(events)).toBeLessThan(PAGE);
    seen.push(...events.map(({ stream, version }): [string, number] => [stream, version]));
  }
  const first = SIZES.map((_, index): [string, number] => ['lease-1', index + 1]);
  expect(seen).toEqual([...first, ['lease-2', 1], ['lease-3', 1]]);
});
