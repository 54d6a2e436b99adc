import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import type { TestDatabase } from '../../support/database.js';
import { createLogDatabase, openLog, type OpenLog, wholeStream } from '../../support/event-log.js';
import { append, COMPANY, happened, positionsOf, write } from './appends.js';

let database: TestDatabase;
let one: OpenLog;
/** Another process, as far as the log can tell. */
let other: OpenLog;
let stream: string;

beforeAll(async () => {
  database = await createLogDatabase();
  one = openLog(database.connection);
  other = openLog(database.connection);
});

beforeEach(() => {
  stream = `test-${uuidv7()}`;
});

afterAll(async () => {
  await one?.close();
  await other?.close();
  await database?.drop();
});

describe('an append', () => {
  it('gives back the events as the log then holds them', async () => {
    const head = await one.log.read.head();
    const correlationId = uuidv7();
    const causationId = uuidv7();
    const events = [
      happened({ text: 'quoted "text", a \\ backslash, {braces}, NULL, ünïcödé 🎉' }),
      happened({ n: 1.5, list: [null, true] }),
    ];
    const verdict = await one.log.append(append([write(stream, 0, { events })], { correlationId, causationId }));

    expect(positionsOf(verdict)).toEqual([head + 1, head + 2]);
    expect(verdict).toMatchObject({ kind: 'ok', position: head + 2 });
    expect(await wholeStream(other.log, stream)).toEqual(verdict.kind === 'ok' && verdict.events);
    expect((await wholeStream(other.log, stream))[1]).toEqual({
      ...{ position: head + 2, stream, version: 2, id: events[1]?.id, type: 'Happened', schemaVersion: 1 },
      ...{ companyId: COMPANY, actor: 'test:jest', correlationId, causationId },
      recordedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      data: { n: 1.5, list: [null, true] },
    });
    expect(one.log.highestAppended).toBe(head + 2);
  });

  it('is a conflict, with the version that is there, when the stream has moved on', async () => {
    await one.log.append(append([write(stream, 0)]));
    await one.log.append(append([write(stream, 1)]));
    const head = await one.log.read.head();

    expect(await other.log.append(append([write(stream, 1)]))).toEqual({
      ...{ kind: 'conflict', stream, expectedVersion: 1, actualVersion: 2 },
    });
    expect(await other.log.append(append([write(stream, 0)]))).toMatchObject({ kind: 'conflict', actualVersion: 2 });
    expect(await other.log.append(append([write(stream, 3)]))).toMatchObject({ kind: 'conflict', actualVersion: 2 });
    expect(await other.log.append(append([write(`${stream}-none`, 1)]))).toMatchObject({
      ...{ kind: 'conflict', actualVersion: 0 },
    });
    expect(await one.log.read.head()).toBe(head);
    expect(await wholeStream(one.log, stream)).toHaveLength(2);
  });

  it('writes several streams, or none of them', async () => {
    const [a, b, c] = [`${stream}-a`, `${stream}-b`, `${stream}-c`];
    await one.log.append(append([write(b, 0)]));
    const head = await one.log.read.head();

    expect(await one.log.append(append([write(a, 0), write(b, 0), write(c, 0)]))).toMatchObject({
      ...{ kind: 'conflict', stream: b, actualVersion: 1 },
    });
    expect(await one.log.read.head()).toBe(head);
    expect(await wholeStream(one.log, a)).toEqual([]);

    const twoEvents = [happened(), happened()];
    const verdict = await one.log.append(append([write(a, 0, { events: twoEvents }), write(b, 1), write(c, 0)]));
    expect(positionsOf(verdict)).toEqual([head + 1, head + 2, head + 3, head + 4]);
    expect((await wholeStream(one.log, b)).map((event) => event.position)).toEqual([head, head + 3]);
  });

  it('that names a stream twice is refused as a mistake, and its neighbours are not', async () => {
    const [twice, guarded, neighbour] = await Promise.allSettled([
      one.log.append(append([write(stream, 0), write(stream, 0)])),
      one.log.append(append([write(stream, 0)], { guards: [{ stream, version: 0 }] })),
      one.log.append(append([write(`${stream}-neighbour`, 0)])),
    ]);
    expect(twice).toMatchObject({ status: 'rejected', reason: expect.any(TypeError) });
    expect(guarded).toMatchObject({ status: 'rejected', reason: expect.any(TypeError) });
    expect(neighbour).toMatchObject({ status: 'fulfilled', value: { kind: 'ok' } });
  });
});

describe('a guard', () => {
  it('refuses the append when its stream has moved on, and does not write to it', async () => {
    const parent = `${stream}-parent`;
    await one.log.append(append([write(parent, 0)]));

    const held = await one.log.append(append([write(stream, 0)], { guards: [{ stream: parent, version: 1 }] }));
    expect(held.kind).toBe('ok');
    expect(await wholeStream(one.log, parent)).toHaveLength(1);

    await other.log.append(append([write(parent, 1)]));
    expect(await one.log.append(append([write(stream, 1)], { guards: [{ stream: parent, version: 1 }] }))).toEqual({
      ...{ kind: 'conflict', stream: parent, expectedVersion: 1, actualVersion: 2 },
    });
    expect(await wholeStream(one.log, stream)).toHaveLength(1);
  });

  it('that many appends of a batch have refuses each of them when its stream has moved on, and no other', async () => {
    const parent = `${stream}-parent`;
    await one.log.append(append([write(parent, 0)]));
    const burst = (round: string, version: number) =>
      Promise.all([
        ...Array.from({ length: 20 }, (_, index) =>
          one.log.append(append([write(`${stream}-${round}-${index}`, 0)], { guards: [{ stream: parent, version }] })),
        ),
        one.log.append(append([write(`${stream}-${round}-free`, 0)])),
      ]);
    const kinds = async (round: string, version: number) =>
      (await burst(round, version)).map(({ kind }) => kind).sort();

    expect(await kinds('held', 1)).toEqual(Array.from({ length: 21 }, () => 'ok'));
    await other.log.append(append([write(parent, 1)]));
    expect(await kinds('late', 1)).toEqual([...Array.from({ length: 20 }, () => 'conflict'), 'ok']);
    expect(await wholeStream(one.log, `${stream}-late-7`)).toEqual([]);
    expect(await wholeStream(one.log, `${stream}-late-free`)).toHaveLength(1);
  });

  it('waits for whoever is just writing its stream', async () => {
    const parent = `${stream}-parent`;
    await one.log.append(append([write(parent, 0)]));
    let waiting: ReturnType<typeof other.log.append> | undefined;
    await one.log.transaction(async (transaction) => {
      await transaction.append(append([write(parent, 1)]));
      waiting = other.log.append(append([write(stream, 0)], { guards: [{ stream: parent, version: 1 }] }));
      await lockAwaited();
    });
    expect(await waiting).toMatchObject({ kind: 'conflict', stream: parent, actualVersion: 2 });
  });

  // Without a look under the log's lock, two appends could each find the other's stream missing and both succeed.
  it('on a stream that must not exist holds against one that is just being made', async () => {
    const made = `${stream}-made`;
    let waiting: ReturnType<typeof other.log.append> | undefined;
    await one.log.transaction(async (transaction) => {
      await transaction.append(append([write(made, 0)], { guards: [{ stream, version: 0 }] }));
      waiting = other.log.append(append([write(stream, 0)], { guards: [{ stream: made, version: 0 }] }));
      await lockAwaited();
    });
    expect(await waiting).toEqual({ kind: 'conflict', stream: made, expectedVersion: 0, actualVersion: 1 });
    expect(await wholeStream(one.log, stream)).toEqual([]);
  });
});

describe('a write that needs a childless stream', () => {
  it('is a conflict while an open stream has it as its parent', async () => {
    await one.log.append(append([write(stream, 0)]));
    const child = `${stream}-child`;
    await one.log.append(append([write(child, 0, { parent: stream })], { guards: [{ stream, version: 1 }] }));

    expect(await other.log.append(append([write(stream, 1, { childless: true, open: false })]))).toEqual({
      ...{ kind: 'conflict', stream, expectedVersion: 1, actualVersion: 1 },
    });
    await one.log.append(append([write(child, 1, { open: false })]));
    expect((await other.log.append(append([write(stream, 1, { childless: true, open: false })]))).kind).toBe('ok');
  });

  // Guards lock nothing: whichever of the two comes second has to see the first under the log's lock.
  it.each(['the child', 'the end of its parent'] as const)(
    'is never recorded beside a child; %s comes first',
    async (first) => {
      const child = `${stream}-child`;
      await one.log.append(append([write(stream, 0)]));
      const making = append([write(child, 0, { parent: stream })], { guards: [{ stream, version: 1 }] });
      const ending = append([write(stream, 1, { childless: true, open: false })]);
      const [sooner, later] = first === 'the child' ? [making, ending] : [ending, making];
      let waiting: ReturnType<typeof other.log.append> | undefined;
      await one.log.transaction(async (transaction) => {
        expect((await transaction.append(sooner)).kind).toBe('ok');
        waiting = other.log.append(later);
        await lockAwaited();
      });
      expect(await waiting).toMatchObject({ kind: 'conflict', stream });
    },
  );

  it('is never recorded beside a child, however many try both at once', async () => {
    for (let round = 0; round < 30; round += 1) {
      const parent = `${stream}-${round}`;
      await one.log.append(append([write(parent, 0)]));
      const making = (log: OpenLog, n: number) =>
        log.log.append(
          append([write(`${parent}-child-${n}`, 0, { parent })], { guards: [{ stream: parent, version: 1 }] }),
        );
      const verdicts = await Promise.all([
        making(one, 1),
        other.log.append(append([write(parent, 1, { childless: true, open: false })])),
        making(other, 2),
        making(one, 3),
      ]);
      const [firstChild, end, ...others] = verdicts.map(({ kind }) => kind);
      const children = [firstChild, ...others].filter((kind) => kind === 'ok').length;
      expect([end, children > 0]).toEqual(children > 0 ? ['conflict', true] : ['ok', false]);
    }
  });
});

describe('an idempotency key', () => {
  const keyed = (key: string, fingerprint: string, result: object) => ({ idempotency: { key, fingerprint, result } });

  it('gives the first result again, and records nothing', async () => {
    const key = uuidv7();
    const first = await one.log.append(append([write(stream, 0)], keyed(key, 'print', { lease: 1, nested: ['"'] })));
    const head = await one.log.read.head();
    const duplicate = {
      ...{ kind: 'duplicate', fingerprint: 'print', result: { lease: 1, nested: ['"'] } },
      position: positionsOf(first)[0],
    };
    const again = append([write(`${stream}-other`, 0)], keyed(key, 'another print', { lease: 2 }));
    expect(await one.log.append(again)).toEqual(duplicate);
    expect(await other.log.append(again)).toEqual(duplicate);
    expect(await one.log.read.head()).toBe(head);
    expect(await one.log.read.firstResult(COMPANY, key)).toEqual({
      ...{ fingerprint: 'print', result: { lease: 1, nested: ['"'] }, position: positionsOf(first)[0] },
    });
  });

  it('belongs to one company', async () => {
    const key = uuidv7();
    await one.log.append(append([write(stream, 0)], keyed(key, 'print', {})));
    const elsewhere = { companyId: uuidv7(), ...keyed(key, 'print', {}) };
    expect((await one.log.append(append([write(`${stream}-other`, 0)], elsewhere))).kind).toBe('ok');
    expect(await one.log.read.firstResult(uuidv7(), key)).toBeNull();
  });

  it('is remembered for an append without events too', async () => {
    const key = uuidv7();
    const head = await one.log.read.head();
    const first = await one.log.append(append([], keyed(key, 'print', { nothing: 'to do' })));
    expect(first).toEqual({ kind: 'ok', position: head, events: [] });
    expect(await other.log.append(append([write(stream, 0)], keyed(key, 'print', {})))).toEqual({
      ...{ kind: 'duplicate', fingerprint: 'print', result: { nothing: 'to do' }, position: head },
    });
  });

  it('is not used up by a conflict', async () => {
    const key = uuidv7();
    expect((await one.log.append(append([write(stream, 1)], keyed(key, 'print', {})))).kind).toBe('conflict');
    expect((await one.log.append(append([write(stream, 0)], keyed(key, 'print', {})))).kind).toBe('ok');
  });

  it('has the position of its own append, whatever was refused beside it', async () => {
    await one.log.append(append([write(`${stream}-taken`, 0)]));
    const keys = Array.from({ length: 6 }, () => uuidv7());
    const verdicts = await Promise.all(
      keys.map((key, index) => {
        const refused = index % 2 === 0 ? [write(`${stream}-taken`, 5, { events: [happened(), happened()] })] : [];
        return one.log.append(append([write(`${stream}-${index}`, 0), ...refused], keyed(key, 'print', {})));
      }),
    );
    expect(verdicts.map((verdict) => verdict.kind)).toEqual(['conflict', 'ok', 'conflict', 'ok', 'conflict', 'ok']);
    for (const [index, verdict] of verdicts.entries()) {
      const first = await one.log.read.firstResult(COMPANY, keys[index] ?? '');
      expect(first?.position).toBe(verdict.kind === 'ok' ? verdict.position : undefined);
    }
  });

  // The keys used to be looked up before the wait for the stream: the second was then a conflict.
  it('comes before a conflict when the same command is under way in two processes', async () => {
    await one.log.append(append([write(stream, 0)]));
    const key = uuidv7();
    let waiting: ReturnType<typeof other.log.append> | undefined;
    const first = await one.log.transaction(async (transaction) => {
      const verdict = await transaction.append(append([write(stream, 1)], keyed(key, 'print', { by: 'one' })));
      waiting = other.log.append(append([write(stream, 1)], keyed(key, 'print', { by: 'other' })));
      await lockAwaited();
      return verdict;
    });
    expect(await waiting).toEqual({
      ...{ kind: 'duplicate', fingerprint: 'print', result: { by: 'one' }, position: positionsOf(first)[0] },
    });
  });

  it('is won by one of many at once, over new streams in two processes', async () => {
    const key = uuidv7();
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? one : other).log.append(
          append([write(`${stream}-${index}`, 0)], keyed(key, 'print', { index })),
        ),
      ),
    );
    const winner = verdicts.findIndex((verdict) => verdict.kind === 'ok');
    for (const [index, verdict] of verdicts.entries()) {
      expect(verdict).toMatchObject(
        index === winner ? { kind: 'ok' } : { kind: 'duplicate', result: { index: winner } },
      );
    }
  });
});

describe('a transaction', () => {
  it('moves something else along with its events', async () => {
    await one.pool.query('CREATE TABLE moved (position bigint)');
    await one.log.transaction(async (transaction) => {
      const verdict = await transaction.append(append([write(stream, 0)]));
      await transaction.client.query('INSERT INTO moved VALUES ($1)', [positionsOf(verdict)[0]]);
    });
    const [event] = await wholeStream(one.log, stream);
    expect((await one.pool.query('SELECT position FROM moved')).rows).toEqual([{ position: event?.position }]);
    expect(one.log.highestAppended).toBe(event?.position);
  });

  it('leaves nothing behind, not even a gap, when it fails', async () => {
    const head = await one.log.read.head();
    const highest = one.log.highestAppended;
    const key = uuidv7();
    const failing = one.log.transaction(async (transaction) => {
      const idempotency = { key, fingerprint: 'print', result: {} };
      expect(positionsOf(await transaction.append(append([write(stream, 0)], { idempotency })))).toEqual([head + 1]);
      throw new Error('the step failed');
    });
    await expect(failing).rejects.toThrow('the step failed');

    expect(await one.log.read.head()).toBe(head);
    expect(one.log.highestAppended).toBe(highest);
    expect(await one.log.read.firstResult(COMPANY, key)).toBeNull();
    expect(positionsOf(await one.log.append(append([write(stream, 0)])))).toEqual([head + 1]);
  });
});

/** Resolves once an append of this database waits for a lock, as the test has arranged. */
async function lockAwaited(): Promise<void> {
  for (;;) {
    const { rows } = await one.pool.query(
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    if (rows.length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
