import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { RecordedEvent } from '../../../src/event-sourcing/event-log/index.js';
import { OvertakenError, type Subscription } from '../../../src/event-sourcing/subscriptions/index.js';
import type { TestDatabase } from '../../support/database.js';
import {
  COMPANY,
  count,
  COUNTED,
  counting,
  createProjectionDatabase,
  openProcess,
  REMOVED,
  until,
  type CountedData,
  type Process,
  type ProcessOptions,
} from '../../support/projections.js';
import { wholeStream } from '../../support/event-log.js';

let database: TestDatabase;
let writer: Process;
let opened: Process[] = [];

const FAST = { retryDelayMs: 5 };

beforeAll(async () => {
  database = await createProjectionDatabase();
  writer = await openProcess(database.connection);
  await writer.pool.query('CREATE TABLE handled (subscription text, position bigint, stream text, by integer)');
});

afterEach(async () => {
  for (const process of opened.reverse()) await process.close();
  opened = [];
});

afterAll(async () => {
  await writer?.close();
  await database?.drop();
});

async function open(options: ProcessOptions = {}, ...subscriptions: Subscription[]): Promise<Process> {
  const process = await openProcess(database.connection, { ...options, runner: { ...FAST, ...options.runner } });
  opened.push(process);
  for (const subscription of subscriptions) process.runner.add(subscription);
  await process.runner.start();
  return process;
}

const by = (event: RecordedEvent): number => (event.data as Partial<CountedData>).by ?? 0;

/** Writes down what it handles of the streams that begin with its name; `check` may throw. */
function handler(name: string, check: (event: RecordedEvent) => void = () => undefined): Subscription {
  return {
    name,
    types: [COUNTED],
    batchSize: 40,
    async handle(events, { client }) {
      for (const event of events) {
        if (!event.stream.startsWith(name)) continue;
        await client.query('INSERT INTO handled VALUES ($1, $2, $3, $4)', [
          name,
          event.position,
          event.stream,
          by(event),
        ]);
        check(event);
      }
    },
  };
}

async function handled(name: string, stream?: string): Promise<number[]> {
  const { rows } = await writer.pool.query<{ by: number }>(
    'SELECT by FROM handled WHERE subscription = $1 AND ($2::text IS NULL OR stream = $2) ORDER BY position',
    [name, stream ?? null],
  );
  return rows.map((row) => row.by);
}

describe('handling', () => {
  it('sees only the types it wants, and its checkpoint passes the others', async () => {
    const { runner } = await open({}, handler('types'));
    await count(writer.log, 'types-a', { by: 1 }, 'removed', { by: 2 });
    const last = await count(writer.log, 'types-b', 'removed', 'removed');
    expect(await runner.caughtUp('types', last, 3_000)).toBe(true);
    expect(await handled('types')).toEqual([1, 2]);
  });

  it('takes all types when it names none', async () => {
    const types = new Set<string>();
    const { runner } = await open(
      {},
      {
        name: 'all',
        handle: async (events) => {
          for (const event of events) types.add(event.type);
        },
      },
    );
    expect(await runner.caughtUp('all', await count(writer.log, 'all', { by: 1 }, 'removed'), 3_000)).toBe(true);
    expect([...types].sort()).toEqual([COUNTED, REMOVED]);
  });

  it('finds events within the poll floor when no signal comes', async () => {
    const deaf = await open({ signal: false, runner: { pollEveryMs: 200 } }, handler('deaf'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const last = await count(writer.log, 'deaf', { by: 7 });
    await until(async () => (await handled('deaf')).length === 1);
    expect(await deaf.runner.caughtUp('deaf', last, 1_000)).toBe(true);
  });

  it('misses nothing while other transactions of the database are held open', async () => {
    const { runner } = await open({}, handler('held'));
    const held = await writer.pool.connect();
    await held.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await held.query('CREATE TABLE held_open (id integer)');
    try {
      const places = await Promise.all(
        Array.from({ length: 60 }, (_, n) => count(writer.log, `held-${n}`, { by: n }, { by: n })),
      );
      expect(await runner.caughtUp('held', Math.max(...places), 3_000)).toBe(true);
      expect((await handled('held')).length).toBe(120);
    } finally {
      await held.query('ROLLBACK');
      held.release();
    }
  });

  it('appends in the transaction in which its checkpoint moves', async () => {
    let failures = 2;
    const { runner, log } = await open(
      {},
      {
        name: 'saga',
        types: [COUNTED],
        async handle(events, transaction) {
          for (const event of events.filter(({ stream }) => stream === 'saga')) {
            const verdict = await transaction.append({
              companyId: COMPANY,
              actor: 'system:saga',
              correlationId: null,
              causationId: event.id,
              writes: [
                {
                  stream: `answer-${event.position}`,
                  expectedVersion: 0,
                  events: [{ id: event.id, type: REMOVED, schemaVersion: 1, data: {} }],
                  category: 'answer',
                  correlationKey: null,
                  parent: null,
                  open: false,
                },
              ],
              guards: [],
              idempotency: null,
            });
            if (verdict.kind !== 'ok') throw new Error(`the answer ended as ${verdict.kind}`);
            if (failures-- > 0) throw new OvertakenError(event, 'rolled back');
          }
        },
      },
    );
    const position = await count(writer.log, 'saga', { by: 1 });
    expect(await runner.caughtUp('saga', position, 3_000)).toBe(true);
    expect(await wholeStream(log, `answer-${position}`)).toMatchObject([
      { version: 1, causationId: expect.any(String) },
    ]);
    expect(log.highestAppended).toBe(position + 1);
  });
});

describe('a failing event', () => {
  it('is retried, then parks its stream, in order, while the others go on', async () => {
    let tries = 0;
    const { runner, said } = await open(
      {},
      handler('parks', (event) => {
        if (event.stream === 'parks-bad' && by(event) === 2) {
          tries += 1;
          throw new Error('cannot digest \0 this');
        }
      }),
    );
    const places: number[] = [];
    for (const n of [1, 2, 3]) {
      for (const stream of ['parks-a', 'parks-bad', 'parks-b']) places.push(await count(writer.log, stream, { by: n }));
    }
    expect(await runner.caughtUp('parks', Math.max(...places), 5_000)).toBe(true);
    expect(await handled('parks', 'parks-a')).toEqual([1, 2, 3]);
    expect(await handled('parks', 'parks-b')).toEqual([1, 2, 3]);
    expect(await handled('parks', 'parks-bad')).toEqual([1]);
    expect(tries).toBeGreaterThanOrEqual(3);
    expect(await runner.parked('parks')).toMatchObject([
      {
        subscription: 'parks',
        stream: 'parks-bad',
        position: places[4],
        attempts: 1,
        error: 'Error: cannot digest  this',
      },
    ]);
    expect(said).toContain('a stream was parked');
    expect((await runner.status()).find(({ name }) => name === 'parks')).toMatchObject({ parked: 1, ownedHere: true });
  });

  it('is handled later on request, with all that came after it, whichever process is asked', async () => {
    let broken = true;
    const failing = handler('later', (event) => {
      if (broken && event.stream === 'later-bad' && by(event) === 1) throw new Error('not yet');
    });
    const owner = await open({}, failing);
    const other = await open({}, failing);
    await count(writer.log, 'later-bad', { by: 0 }, { by: 1 }, { by: 2 });
    const last = await count(writer.log, 'later-good', { by: 9 });
    expect(await other.runner.caughtUp('later', last, 5_000)).toBe(true);

    expect(await other.runner.retryParked('later', 'later-bad')).toMatchObject({
      kind: 'failed',
      parked: { attempts: 2, error: 'Error: not yet' },
    });
    expect(await handled('later', 'later-bad')).toEqual([0]);
    await count(writer.log, 'later-bad', { by: 3 });
    broken = false;
    expect(await other.runner.retryParked('later', 'later-bad')).toEqual({ kind: 'recovered' });
    const after = await count(writer.log, 'later-bad', { by: 4 });
    expect(await owner.runner.caughtUp('later', after, 3_000)).toBe(true);
    expect(await handled('later', 'later-bad')).toEqual([0, 1, 2, 3, 4]);
    expect(await owner.runner.parked('later')).toEqual([]);
    await expect(owner.runner.retryParked('later', 'later-bad')).rejects.toMatchObject({ code: 'stream_not_parked' });
  });

  it('is handled on request while its stream and others grow, each event once and in order', async () => {
    let broken = true;
    const { runner } = await open(
      {},
      handler('grows', (event) => {
        if (broken && event.stream === 'grows-bad') throw new Error('not yet');
      }),
    );
    await count(writer.log, 'grows-bad', { by: 0 });
    await until(async () => (await runner.parked('grows')).length === 1);
    broken = false;
    let last = 0;
    const growing = (async () => {
      for (let n = 1; n <= 60; n += 1) last = await count(writer.log, 'grows-bad', { by: n });
    })();
    expect(await runner.retryParked('grows', 'grows-bad')).toEqual({ kind: 'recovered' });
    await growing;
    expect(await runner.caughtUp('grows', last, 3_000)).toBe(true);
    expect(await handled('grows', 'grows-bad')).toEqual(Array.from({ length: 61 }, (_, n) => n));
  });

  it('has its wish for a retry kept until there is an owner', async () => {
    let broken = true;
    const failing = handler('wish', (event) => {
      if (broken && event.stream === 'wish') throw new Error('not yet');
    });
    const first = await open({}, failing);
    await count(writer.log, 'wish', { by: 1 });
    await until(async () => (await first.runner.parked('wish')).length === 1);
    await first.runner.stop();
    expect(await writer.runner.retryParked('wish', 'wish', 50)).toEqual({ kind: 'pending' });
    broken = false;
    const second = await open({}, failing);
    await until(async () => (await second.runner.parked('wish')).length === 0);
    expect(await handled('wish')).toEqual([1]);
  });

  it('is not to blame when the handler was overtaken or the database was away: nothing is parked', async () => {
    let failures = 0;
    const { runner } = await open(
      {},
      {
        name: 'passing',
        async handle(events, { client }) {
          if (!events.some((event) => event.stream === 'passing')) return;
          failures += 1;
          if (failures <= 6) throw new OvertakenError(events[0] as RecordedEvent, 'by a test');
          if (failures === 7) await client.query(`SELECT pg_terminate_backend(pg_backend_pid())`);
          if (failures === 8) throw Object.assign(new Error('disk full'), { code: '53100' });
        },
      },
    );
    // Nothing else is left to handle, so that the event is alone in its batch.
    expect(await runner.caughtUp('passing', await writer.log.read.head(), 3_000)).toBe(true);
    const last = await count(writer.log, 'passing', { by: 1 });
    expect(await runner.caughtUp('passing', last, 8_000)).toBe(true);
    expect(failures).toBe(9);
    expect(await runner.parked('passing')).toEqual([]);
  });

  /** An event that no process here understands, until `understand`. */
  async function countNewer(stream: string, by: number): Promise<void> {
    await writer.log.transaction(async (transaction) => {
      await transaction.append(counting(writer.log, stream, { by }));
      await transaction.client.query('UPDATE events SET schema_version = 2 WHERE stream = $1 AND data = $2', [
        stream,
        { by },
      ]);
    });
  }
  const understand = (stream: string): Promise<unknown> =>
    writer.pool.query('UPDATE events SET schema_version = 1 WHERE stream = $1', [stream]);

  it('that only a newer release understands is left to that, whichever of the older ones has it, and parks nothing', async () => {
    const olders = [
      await open({ runner: { yieldMs: 60_000 } }, handler('older')),
      await open({ runner: { yieldMs: 60_000, claimEveryMs: 20 } }, handler('older')),
    ];
    const [{ runner }] = olders as [Process];
    expect(await runner.caughtUp('older', await count(writer.log, 'older', { by: 1 }), 3_000)).toBe(true);
    await countNewer('older', 2);
    const last = await count(writer.log, 'older-other', { by: 3 });
    await until(() => olders.every(({ said }) => said.includes('a subscription is left to a newer release')));
    await understand('older');
    // The newer release has come: it does not wait for them.
    await open({}, handler('older'));
    expect(await runner.caughtUp('older', last, 5_000)).toBe(true);
    expect(await runner.parked('older')).toEqual([]);
    expect(await handled('older')).toEqual([1, 2, 3]);
  });

  it('that only a newer release understands parks its stream where there is none, and no other; the next one that does handles it', async () => {
    const alone = await open({ runner: { yieldMs: 50 } }, handler('alone'));
    await count(writer.log, 'alone', { by: 1 });
    await countNewer('alone', 2);
    await count(writer.log, 'alone', { by: 3 });
    const last = await count(writer.log, 'alone-other', { by: 4 });
    expect(await alone.runner.caughtUp('alone', last, 5_000)).toBe(true);
    expect(await handled('alone')).toEqual([1, 4]);
    expect(await alone.runner.parked('alone')).toMatchObject([
      { stream: 'alone', position: last - 2, error: expect.stringContaining('UnknownEventError') },
    ]);
    expect(await alone.runner.waitingForNewer()).toBe(1);
    // From now on none is waited for, and no line is written for each event.
    await countNewer('alone-third', 5);
    expect(await alone.runner.caughtUp('alone', await count(writer.log, 'alone-other', { by: 6 }), 5_000)).toBe(true);
    expect(alone.said.filter((line) => line.includes('left to a newer'))).toHaveLength(1);
    await alone.runner.stop();
    await understand('alone');
    const newer = await open({}, handler('alone'));
    await until(async () => (await newer.runner.parked('alone')).length === 1);
    expect(await handled('alone', 'alone')).toEqual([1, 2, 3]);
    // The other one still waits.
    expect(await newer.runner.parked('alone')).toMatchObject([{ stream: 'alone-third', attempts: 1 }]);
  });
});

describe('waiting for a checkpoint', () => {
  it('hurries the owner, from the same process, another one and one that runs nothing, and ends after its time', async () => {
    const asleep = { coalesceMs: 60_000, pollEveryMs: 60_000 };
    const owner = await open({ runner: asleep }, handler('waits'));
    const other = await open({ runner: asleep }, handler('waits'));
    const bare = await open({ runner: asleep });
    for (const { runner } of [owner, other, bare]) {
      for (let n = 0; n < 5; n += 1) {
        const last = await count(writer.log, 'waits', { by: n });
        expect(await runner.caughtUp('waits', last, 5_000)).toBe(true);
      }
      expect(await runner.caughtUp('waits', 1_000_000, 60)).toBe(false);
    }
  });

  it('ends when the runner stops, and goes on when the owner changes', async () => {
    const owner = await open({}, handler('changes'));
    const other = await open({ runner: { claimEveryMs: 50 } }, handler('changes'));
    const ahead = (await writer.log.read.head()) + 1;
    const abandoned = owner.runner.caughtUp('changes', ahead, 5_000);
    const kept = other.runner.caughtUp('changes', ahead, 5_000);
    await owner.runner.stop();
    expect(await abandoned).toBe(false);
    await count(writer.log, 'changes', { by: 1 });
    expect(await kept).toBe(true);
  });

  it('costs few queries for many who wait', async () => {
    const owner = await open({}, handler('many'));
    const bare = await open();
    for (const { runner, pool } of [owner, bare]) {
      const ahead = (await writer.log.read.head()) + 1;
      let queries = 0;
      const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
      pool.query = ((...args: unknown[]) => {
        queries += 1;
        return query(...args);
      }) as typeof pool.query;
      const waits = Array.from({ length: 200 }, () => runner.caughtUp('many', ahead, 10_000));
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(queries).toBeLessThan(100);
      await count(writer.log, 'many', { by: 1 });
      expect(await Promise.all(waits)).not.toContain(false);
    }
  });
});
