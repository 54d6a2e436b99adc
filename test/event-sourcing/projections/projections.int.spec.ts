import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { foldAll } from '../../../src/event-sourcing/projections/index.js';
import type { TestDatabase } from '../../support/database.js';
import {
  allEvents,
  count,
  createProjectionDatabase,
  openProcess,
  TALLIES,
  TallyRow,
  until,
  type Process,
} from '../../support/projections.js';

let database: TestDatabase;
let process: Process;

beforeEach(async () => {
  database = await createProjectionDatabase();
  process = await openProcess(database.connection);
});

afterEach(async () => {
  await process?.close();
  await database?.drop();
});

async function rows(): Promise<Map<string, TallyRow>> {
  const found = await process.source.getRepository(TallyRow).find();
  return new Map(found.map((row) => [row.stream, { ...row }]));
}

describe('a projection', () => {
  it('makes its table as the entity says, behind a view of the entity', async () => {
    await process.projections().start();
    const { rows: relations } = await process.pool.query(
      `SELECT relname AS name, relkind AS kind FROM pg_class WHERE relname LIKE '%tallies%' ORDER BY relname`,
    );
    expect(relations).toEqual([
      { name: 'tallies', kind: 'v' },
      { name: 'tallies_g1', kind: 'r' },
      { name: 'tallies_total_g1', kind: 'i' },
    ]);
    const { rows: columns } = await process.pool.query(
      `SELECT column_name AS name, data_type AS type, is_nullable AS nullable FROM information_schema.columns
        WHERE table_name = 'tallies_g1' ORDER BY ordinal_position`,
    );
    expect(columns).toEqual([
      { name: 'stream', type: 'text', nullable: 'NO' },
      { name: 'company_id', type: 'uuid', nullable: 'NO' },
      { name: 'total', type: 'integer', nullable: 'NO' },
      { name: 'labels', type: 'ARRAY', nullable: 'NO' },
      { name: 'detail', type: 'jsonb', nullable: 'YES' },
      { name: 'position', type: 'bigint', nullable: 'NO' },
      { name: 'updated_at', type: 'timestamp with time zone', nullable: 'NO' },
    ]);
  });

  it('holds the fold of its events, across batches, whatever the values are', async () => {
    const projections = process.projections();
    await projections.start();
    await process.runner.start();
    const detail = { text: `quotes ' " \\ {} , ü \u{1f600}`, list: [1, null, { a: 'b' }], nothing: null };
    let last = 0;
    for (let n = 0; n < 4; n += 1) {
      await count(process.log, 'a', { by: n, label: `it's {"a"}, ${n}\n` }, { by: 2 ** 20 });
      await count(process.log, 'b', { by: -n, detail: [detail] });
      await count(process.log, 'c', { by: n, detail: 'just text' }, ...(n === 2 ? (['removed'] as const) : []));
      last = await count(process.log, `d-${n}`, { by: 1, detail }, 'removed');
      expect(await projections.caughtUp('tallies', last, 3_000)).toBe(true);
    }
    const folded = foldAll(TALLIES, await allEvents(process.log));
    expect(folded.size).toBe(3);
    expect(await rows()).toEqual(folded);
    expect(await projections.status()).toEqual([
      {
        name: 'tallies',
        codeVersion: 1,
        version: 1,
        generation: 1,
        subscription: 'tallies@1',
        checkpoint: last,
        head: last,
        lag: 0,
        state: 'live',
        parked: 0,
        rebuild: null,
        old: [],
      },
    ]);
  });

  it('lets every query after caughtUp see its own writes, in a process that projects and in one that does not', async () => {
    const reader = await openProcess(database.connection);
    try {
      const projections = process.projections();
      const reading = reader.projections(TALLIES, { project: false });
      await projections.start();
      await reading.start();
      await process.runner.start();
      for (let n = 1; n <= 30; n += 1) {
        const position = await count(reader.log, 'mine', { by: 1 });
        expect(await (n % 2 ? reading : projections).caughtUp('tallies', position, 3_000)).toBe(true);
        expect((await rows()).get('mine')?.total).toBe(n);
      }
      expect((await reader.runner.status()).every(({ ownedHere }) => !ownedHere)).toBe(true);
    } finally {
      await reader.close();
    }
  });

  it('loses and doubles nothing when its connections are terminated while it projects', async () => {
    const projections = process.projections();
    await projections.start();
    await process.runner.start();
    const killer = await openProcess(database.connection, { signal: false });
    try {
      let killed = 0;
      let killing = true;
      const kills = (async () => {
        while (killing) {
          const { rowCount } = await killer.pool.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
                AND pid <> pg_backend_pid() AND query ~ 'tallies_g1|advance_subscription|leasehold_sub'`,
          );
          killed += rowCount ?? 0;
          await new Promise((resolve) => setTimeout(resolve, 30));
        }
      })();
      // As long as it takes: how often the projection is met at work depends on how busy the machine is.
      for (let n = 0; n < 40 || killed <= 5; n += 1) {
        await Promise.all(Array.from({ length: 10 }, (_, s) => count(killer.log, `s-${s}`, { by: n }, { by: 1 })));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      killing = false;
      await kills;
      expect(killed).toBeGreaterThan(5);
      expect(await projections.caughtUp('tallies', await killer.log.read.head(), 5_000)).toBe(true);
      expect(await rows()).toEqual(foldAll(TALLIES, await allEvents(killer.log)));
      expect(await process.runner.parked('tallies@1')).toEqual([]);
    } finally {
      await killer.close();
    }
  });

  it('is made once when several processes start at once', async () => {
    const others = await Promise.all([1, 2, 3].map(() => openProcess(database.connection)));
    try {
      await Promise.all([process, ...others].map((each) => each.projections().start()));
      const { rows: generations } = await process.pool.query('SELECT generation, state FROM projections');
      expect(generations).toEqual([{ generation: 1, state: 'live' }]);
      await Promise.all([process, ...others].map((each) => each.runner.start()));
      await until(async () => (await process.runner.status())[0]?.owner !== null);
    } finally {
      for (const each of others) await each.close();
    }
  });

  it('says that it does not know a name', async () => {
    const projections = process.projections();
    await projections.start();
    await expect(projections.caughtUp('nothing', 1, 10)).rejects.toMatchObject({ code: 'projection_not_found' });
    await expect(projections.rebuild('nothing')).rejects.toMatchObject({ code: 'projection_not_found' });
  });
});
