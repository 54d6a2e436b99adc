import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { uuidv7 } from 'uuidv7';
import {
  LogOverloadedError,
  LogUnavailableError,
  type Append,
  type CommitterOptions,
} from '../../../src/event-sourcing/event-log/index.js';
import type { TestDatabase } from '../../support/database.js';
import { createLogDatabase, openLog, type OpenLog, wholeStream, allAfter } from '../../support/event-log.js';
import { append, COMPANY, happened, positionsOf, write } from './appends.js';

/** Who append at once while their connections are cut. */
const CALLERS = 16;

let database: TestDatabase;
const opened: OpenLog[] = [];
let stream: string;

beforeAll(async () => {
  database = await createLogDatabase();
});

beforeEach(() => {
  stream = `test-${uuidv7()}`;
});

afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

afterAll(() => database?.drop());

function open(options: Partial<CommitterOptions> = {}): OpenLog {
  const each = openLog(database.connection, options);
  opened.push(each);
  return each;
}

describe('a bad append', () => {
  it.each<[string, Partial<Append>]>([
    [
      'text that jsonb cannot hold',
      { writes: [write('test-bad-text', 0, { events: [happened({ text: 'a\u0000b' })] })] },
    ],
    ['half a surrogate pair', { writes: [write('test-bad-pair', 0, { events: [happened({ text: '\ud800' })] })] }],
    ['a zero byte in a name', { writes: [write('test-bad\u0000name', 0)] }],
    ['a company that is no UUID', { companyId: 'acme', writes: [write('test-bad-company', 0)] }],
    ['a version beyond an integer', { writes: [write('test-bad-version', 2 ** 40)] }],
  ])('with %s fails alone', async (_, bad) => {
    const { log } = open();
    const good = Array.from({ length: 5 }, (__, index) => append([write(`${stream}-${index}`, 0)]));
    const [failed, ...verdicts] = await Promise.allSettled([append([], bad), ...good].map((each) => log.append(each)));

    expect(failed).toMatchObject({ status: 'rejected', reason: { code: expect.stringMatching(/^22/) } });
    for (const verdict of verdicts) expect(verdict).toMatchObject({ status: 'fulfilled', value: { kind: 'ok' } });
    for (const { writes } of good) expect(await wholeStream(log, writes[0]?.stream ?? '')).toHaveLength(1);
  });
});

describe('an append whose outcome was lost', () => {
  it('gets the first positions when it is repeated, not a conflict', async () => {
    const { log } = open();
    const lost = append([write(stream, 0, { events: [happened(), happened()] })]);
    const first = await log.append(lost);
    expect(await log.append(lost)).toEqual(first);

    await log.append(append([write(stream, 2)]));
    expect(await open().log.append(lost)).toEqual(first);
    expect(await wholeStream(log, stream)).toHaveLength(3);
  });

  it('gets them for all of its streams, in whichever place the streams are found', async () => {
    const { log } = open();
    const names = [`${stream}-c`, `${stream}-a`, `${stream}-b`];
    const lost = append(
      names.map((name, index) => write(name, 0, { events: Array.from({ length: index + 1 }, () => happened()) })),
      { guards: [{ stream: `${stream}-guard`, version: 0 }] },
    );
    const first = await log.append(lost);
    expect(positionsOf(first)).toHaveLength(6);
    await log.append(append([write(`${stream}-guard`, 0), write(`${stream}-a`, 2)]));
    expect(await log.append(lost)).toEqual(first);
  });

  it('is still a conflict when the events there are not its own', async () => {
    const { log } = open();
    await log.append(append([write(stream, 0)]));
    expect((await log.append(append([write(stream, 0)]))).kind).toBe('conflict');
  });
});

describe('the queue', () => {
  it('is bounded, and takes appends again once it has drained', async () => {
    const { log } = open({ maxQueued: 5 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => log.append(append([write(`${stream}-${index}`, 0)]))),
    );
    expect(outcomes.map(({ status }) => status)).toEqual([
      ...Array.from({ length: 5 }, () => 'fulfilled'),
      ...Array.from({ length: 3 }, () => 'rejected'),
    ]);
    expect(outcomes[7]).toMatchObject({ reason: expect.any(LogOverloadedError) });
    expect(outcomes[7]).toMatchObject({ reason: { queued: 5 } });
    expect(await wholeStream(log, `${stream}-7`)).toEqual([]);
    expect((await log.append(append([write(`${stream}-7`, 0)]))).kind).toBe('ok');
  });

  it('keeps appends of one stream in their order, with others of the same turn', async () => {
    const { log } = open({ maxBatch: 4 });
    const verdicts = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        log.append(append([write(`${stream}-${index % 3}`, Math.floor(index / 3))])),
      ),
    );
    expect(verdicts.filter(({ kind }) => kind !== 'ok')).toEqual([]);
  });

  it('fails together when the database stays away, not one retry budget after the other', async () => {
    const nowhere = { ...database.connection, host: '127.0.0.1', port: 1 };
    const unreachable = openLog(nowhere, { retryBudgetMs: 300, maxBatch: 2 });
    const started = performance.now();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, (_, index) => unreachable.log.append(append([write(`${stream}-${index}`, 0)]))),
    );
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: expect.any(LogUnavailableError) });
    expect(performance.now() - started).toBeLessThan(1_500);
    await unreachable.close();
  });
});

it('recordedAt never decreases, even when the clock is set back', async () => {
  const { log, pool } = open();
  await log.append(append([write(stream, 0)]));
  await pool.query(
    "UPDATE events SET recorded_at = now() + '1 hour' WHERE position = (SELECT max(position) FROM events)",
  );
  const [ahead] = await wholeStream(log, stream);
  await log.append(append([write(stream, 1)]));
  expect((await wholeStream(log, stream))[1]?.recordedAt).toBe(ahead?.recordedAt);
  expect(Date.parse(ahead?.recordedAt ?? '')).toBeGreaterThan(Date.now());
});

it('works on a database whose transactions do not see what others commit', async () => {
  const { pool } = open();
  await pool.query(
    'DO $$ BEGIN EXECUTE format($f$ALTER DATABASE %I SET default_transaction_isolation = serializable$f$, current_database()); END $$',
  );
  try {
    const [one, other] = [open(), open()];
    const verdicts = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        (index % 2 === 0 ? one : other).log.append(append([write(`${stream}-${index}`, 0)])),
      ),
    );
    expect(verdicts.filter(({ kind }) => kind !== 'ok')).toEqual([]);
  } finally {
    await pool.query(
      'DO $$ BEGIN EXECUTE format($f$ALTER DATABASE %I RESET default_transaction_isolation$f$, current_database()); END $$',
    );
  }
});

const ENOUGH_CUTS = 10;

it('every append settles, none is doubled and none is lost, when its connections are cut again and again', async () => {
  const { log } = open();
  const admin = new pg.Client(database.connection);
  await admin.connect();
  const base = await log.read.head();
  let over = false;
  let cut = 0;
  const ids: string[] = [];
  const cutter = (async () => {
    for (let before = 0; !over;) {
      await sleep(40);
      // A machine that is slower than the cuts would not get any append through.
      if (ids.length - before < CALLERS) continue;
      before = ids.length;
      const { rows } = await admin.query<{ cut: number }>(
        `SELECT count(pg_terminate_backend(pid))::int AS cut FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid()`,
      );
      cut += rows[0]?.cut ?? 0;
    }
  })();

  const until = performance.now() + 1_500;
  const caller = async (_: unknown, index: number): Promise<void> => {
    // On a slow machine until there were enough cuts.
    for (let version = 0; performance.now() < until || cut <= ENOUGH_CUTS; version += 1) {
      const event = happened();
      const key = { key: event.id, fingerprint: 'print', result: { version } };
      const each = append([write(`${stream}-${index}`, version, { events: [event] })], {
        idempotency: index % 2 === 0 ? key : null,
      });
      const verdict = await log.append(each);
      if (verdict.kind === 'conflict') throw new Error(`caller ${index} met itself: ${JSON.stringify(verdict)}`);
      ids.push(event.id);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller)).finally(async () => {
    over = true;
    await cutter;
    await admin.end();
  });

  expect(cut).toBeGreaterThan(ENOUGH_CUTS);
  const events = await allAfter(open().log, base, { companyId: COMPANY });
  expect(events.map((event) => event.id).toSorted()).toEqual(ids.toSorted());
  expect(events.map((event) => event.position)).toEqual(events.map((_, index) => base + 1 + index));
});
