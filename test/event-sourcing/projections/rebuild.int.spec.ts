import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { foldAll, type Projection, type Projections } from '../../../src/event-sourcing/projections/index.js';
import { copyDatabase, type TestDatabase } from '../../support/database.js';
import {
  allEvents,
  count,
  COUNTED,
  createProjectionDatabase,
  openProcess,
  standStill,
  TALLIES,
  TallyRow,
  until,
  Wire,
  type CountedData,
  type Process,
  type ProcessOptions,
} from '../../support/projections.js';

let empty: TestDatabase;
let database: TestDatabase;
let writer: Process;
let opened: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  empty = await createProjectionDatabase();
});

beforeEach(async () => {
  database = await copyDatabase(empty);
  writer = await openProcess(database.connection);
});

afterEach(async () => {
  for (const close of opened.reverse()) await close();
  opened = [];
  await writer?.close();
  await database?.drop();
});

afterAll(() => empty?.drop());

async function open(
  definition: Projection<object> = TALLIES,
  options: ProcessOptions = {},
  wire?: Wire,
): Promise<Process & { all: Projections }> {
  const process = await openProcess(wire?.connection ?? database.connection, options);
  opened.push(() => process.close());
  if (wire) opened.push(() => wire.cut());
  const all = process.projections(definition);
  await all.start();
  await process.runner.start();
  return { ...process, all };
}

async function rows(): Promise<Map<string, TallyRow>> {
  const found = await writer.source.getRepository(TallyRow).find();
  return new Map(found.map((row) => [row.stream, { ...row }]));
}

async function liveGeneration(): Promise<number> {
  const { rows: live } = await writer.pool.query<{ generation: number }>(
    `SELECT generation FROM projections WHERE name = 'tallies' AND state = 'live'`,
  );
  return live[0]?.generation ?? 0;
}

async function fill(streams: number, each: number): Promise<number> {
  const data = Array.from({ length: each }, (_, n) => ({ by: n }));
  const places = await Promise.all(Array.from({ length: streams }, (_, s) => count(writer.log, `s-${s}`, ...data)));
  return Math.max(...places);
}

/** A fold that takes its time, so that a build can be met half-way. */
function slow(definition: Projection<TallyRow>, ms: number): Projection<TallyRow> {
  let folded = 0;
  return {
    ...definition,
    fold(row, event) {
      folded += 1;
      if (folded % 50 === 0) standStill(ms);
      return definition.fold(row, event);
    },
  };
}

describe('a rebuild', () => {
  it('switches under load, and no reader ever goes back or misses its own writes', async () => {
    await fill(50, 20);
    const owner = await open(TALLIES, { batchSize: 100 });
    const other = await open(TALLIES, { batchSize: 100 });
    let busy = true;
    const writing = [1, 2, 3].map(async (w) => {
      for (let n = 1; busy; n += 1) {
        const reader = n % 2 ? owner : other;
        const position = await count(writer.log, `w-${w}`, { by: 1 });
        expect(await reader.all.caughtUp('tallies', position, 5_000)).toBe(true);
        const row = await reader.source.getRepository(TallyRow).findOneByOrFail({ stream: `w-${w}` });
        expect(row.total).toBe(n);
      }
    });
    const reading = [owner, other].map(async (reader) => {
      for (let seen = 0; busy;) {
        const [row] = await reader.source.getRepository(TallyRow).find({ order: { position: 'DESC' }, take: 1 });
        expect(row?.position ?? 0).toBeGreaterThanOrEqual(seen);
        seen = row?.position ?? 0;
        await pause(5);
      }
    });
    const steady = (async () => {
      while (busy) {
        await fill(20, 1);
        await pause(20);
      }
    })();
    for (const asked of [owner, other, owner]) {
      const generation = await asked.all.rebuild('tallies');
      await until(async () => (await liveGeneration()) === generation);
      await pause(100);
    }
    busy = false;
    await Promise.all([...writing, ...reading, steady]);

    const head = await writer.log.read.head();
    expect(await other.all.caughtUp('tallies', head, 5_000)).toBe(true);
    const folded = foldAll(TALLIES, await allEvents(writer.log));
    expect(await rows()).toEqual(folded);
    expect(await owner.all.status()).toMatchObject([
      { generation: 4, subscription: 'tallies@4', state: 'live', old: [1, 2, 3], rebuild: null },
    ]);
    expect(await owner.all.dropOld('tallies')).toEqual([1, 2, 3]);
    const { rows: tables } = await writer.pool.query(`SELECT relname FROM pg_class WHERE relname LIKE 'tallies_g%'`);
    expect(tables).toEqual([{ relname: 'tallies_g4' }]);
    expect(await owner.all.dropOld('tallies')).toEqual([]);
    expect(await rows()).toEqual(folded);
  });

  it('is one at a time, whichever process is asked, and can be cancelled', async () => {
    await fill(20, 100);
    // In many parts: what is asked meanwhile takes a few turns of this process, however slow it is.
    const parts = { batchSize: 20 };
    const [one, two] = [await open(slow(TALLIES, 20), parts), await open(slow(TALLIES, 20), parts)];
    const asked = await Promise.allSettled([one, two, one, two].map((process) => process.all.rebuild('tallies')));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toEqual([{ status: 'fulfilled', value: 2 }]);
    expect(asked.filter(({ status }) => status === 'rejected')).toMatchObject(
      Array.from({ length: 3 }, () => ({ reason: { code: 'projection_rebuilding' } })),
    );
    expect(await two.all.status()).toMatchObject([
      { generation: 1, state: 'rebuilding', rebuild: { generation: 2, subscription: 'tallies@2' } },
    ]);
    expect(await one.all.cancelRebuild('tallies')).toBe(true);
    expect(await one.all.cancelRebuild('tallies')).toBe(false);
    // The next one never gets the number, and so never the checkpoint, of the one that was given up.
    expect(await one.all.dropOld('tallies')).toEqual([2]);
    expect(await two.all.rebuild('tallies')).toBe(3);
    await until(async () => (await liveGeneration()) === 3);
    expect(await one.all.caughtUp('tallies', await writer.log.read.head(), 5_000)).toBe(true);
    expect(await rows()).toEqual(foldAll(TALLIES, await allEvents(writer.log)));
  });

  it('is carried on by another process when its own is killed', async () => {
    const last = await fill(40, 50);
    const wire = await Wire.lay(database.connection);
    const killed = await open(slow(TALLIES, 20), { batchSize: 100 }, wire);
    expect(await killed.all.caughtUp('tallies', last, 8_000)).toBe(true);
    await killed.all.rebuild('tallies');
    await until(async () => ((await killed.all.status())[0]?.rebuild?.checkpoint ?? 0) > 500);
    wire.cut();
    expect(await liveGeneration()).toBe(1);
    const heir = await open();
    await until(async () => (await liveGeneration()) === 2);
    const more = await count(writer.log, 'more', { by: 1 });
    expect(await heir.all.caughtUp('tallies', more, 5_000)).toBe(true);
    expect(await rows()).toEqual(foldAll(TALLIES, await allEvents(writer.log)));
  });

  it('is noticed by a process that has a stale idea of what is live: nobody waits for what stands still', async () => {
    await fill(5, 5);
    const owner = await open();
    const reader = await openProcess(database.connection);
    opened.push(() => reader.close());
    const reading = reader.projections(TALLIES, { project: false, refreshEveryMs: 60_000 });
    await reading.start();
    await owner.all.rebuild('tallies');
    await until(async () => (await liveGeneration()) === 2);
    const position = await count(writer.log, 'after', { by: 1 });
    expect(await reading.caughtUp('tallies', position, 5_000)).toBe(true);
    expect((await rows()).get('after')?.total).toBe(1);
    const { rows: closed } = await writer.pool.query(`SELECT closed FROM subscriptions WHERE name = 'tallies@1'`);
    expect(closed).toEqual([{ closed: true }]);
  });

  it('does not switch while a stream is parked that the live generation shows, and does so once it is handled', async () => {
    let broken = false;
    const fragile: Projection<TallyRow> = {
      ...TALLIES,
      fold(row, event) {
        if (broken && event.stream === 's-1') throw new Error('cannot fold');
        return TALLIES.fold(row, event);
      },
    };
    const last = await fill(5, 3);
    const owner = await open(fragile, { runner: { retryDelayMs: 1 } });
    expect(await owner.all.caughtUp('tallies', last, 3_000)).toBe(true);
    broken = true;
    await owner.all.rebuild('tallies');
    await until(async () => owner.said.some((line) => line.includes('cannot be switched')));
    expect(await owner.all.status()).toMatchObject([{ generation: 1, parked: 0, rebuild: { parked: 1 } }]);
    broken = false;
    expect(await owner.runner.retryParked('tallies@2', 's-1')).toEqual({ kind: 'recovered' });
    await until(async () => (await liveGeneration()) === 2);
    expect(await rows()).toEqual(foldAll(TALLIES, await allEvents(writer.log)));
  });
});

@Entity('tallies')
class NewerTallyRow {
  @PrimaryColumn('text', { collation: 'C' }) stream!: string;
  @Column('bigint') sum!: number;
}

const NEWER: Projection<NewerTallyRow> = {
  name: 'tallies',
  version: 2,
  entity: NewerTallyRow,
  types: [COUNTED],
  keyOf: (event) => event.stream,
  fold: (row, event) => ({ stream: event.stream, sum: (row?.sum ?? 0) + (event.data as CountedData).by }),
};

describe('a new release', () => {
  it('rebuilds what it has a newer version of, while the old release goes on, and is not undone by that', async () => {
    await fill(10, 20);
    const old = await open();
    expect(await old.all.caughtUp('tallies', await writer.log.read.head(), 3_000)).toBe(true);
    const newer = await open(NEWER, { entity: NewerTallyRow });
    await until(async () => (await liveGeneration()) === 2);
    const position = await count(writer.log, 's-0', { by: 1_000 });
    expect(await newer.all.caughtUp('tallies', position, 3_000)).toBe(true);
    const expected = foldAll(NEWER, await allEvents(writer.log));
    const { rows: shown } = await newer.pool.query<NewerTallyRow>('SELECT * FROM tallies');
    expect(new Map(shown.map((row) => [row.stream, row]))).toEqual(expected);

    const restarted = await open();
    expect(restarted.said).toContain('a read model belongs to a newer release and is not updated here');
    expect(await restarted.all.status()).toMatchObject([
      { codeVersion: 1, version: 2, generation: 2, state: 'still', rebuild: null },
    ]);
    // What is there is not older than its code.
    expect(restarted.all.isReadable('tallies')).toBe(true);
    // Going back is a decision of the operator's.
    expect(await restarted.all.rebuild('tallies')).toBe(3);
    await until(async () => (await liveGeneration()) === 3);
    expect(await rows()).toEqual(foldAll(TALLIES, await allEvents(writer.log)));
  });

  it('does not read what an older one has left, however far that has come, until its own is live', async () => {
    const position = await fill(10, 20);
    const old = await open();
    expect(await old.all.caughtUp('tallies', position, 3_000)).toBe(true);
    let holdUp = true;
    const held: Projection<NewerTallyRow> = {
      ...NEWER,
      fold(row, event) {
        if (holdUp) throw new Error('not yet');
        return NEWER.fold(row, event);
      },
    };
    const newer = await open(held, { entity: NewerTallyRow, runner: { retryDelayMs: 10, tries: 1_000_000 } });
    expect(newer.all.isReadable('tallies')).toBe(false);
    expect(await newer.all.caughtUp('tallies', position, 300)).toBe(false);
    expect(await old.all.caughtUp('tallies', position, 3_000)).toBe(true);
    const waiting = newer.all.caughtUp('tallies', position, 15_000);
    holdUp = false;
    expect(await waiting).toBe(true);
    expect(await liveGeneration()).toBe(2);
  });
});
