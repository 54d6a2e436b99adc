import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Projection, Projections } from '../../../src/event-sourcing/projections/index.js';
import { copyDatabase, type TestDatabase } from '../../support/database.js';
import {
  count,
  createProjectionDatabase,
  openProcess,
  TALLIES,
  until,
  type Process,
  type TallyRow,
} from '../../support/projections.js';

/** More streams than are compared at a time. */
const STREAMS = 1_203;

/** With these streams, and the table that they fold to. */
let filled: TestDatabase;
let head: number;
let database: TestDatabase;
let process: Process;

beforeAll(async () => {
  filled = await createProjectionDatabase();
  process = await openProcess(filled.connection);
  const projections = await start();
  const names = Array.from({ length: STREAMS }, (_, n) => `s-${String(n).padStart(4, '0')}`);
  const positions = await Promise.all(names.map((name) => count(process.log, name, { by: 1 }, { by: 2, label: 'x' })));
  head = Math.max(...positions);
  expect(await projections.caughtUp('tallies', head, 10_000)).toBe(true);
  await process.close();
});

beforeEach(async () => {
  database = await copyDatabase(filled);
  process = await openProcess(database.connection, { runner: { retryDelayMs: 1 } });
});

afterEach(async () => {
  await process?.close();
  await database?.drop();
});

afterAll(() => filled?.drop());

async function start(definition: Projection<object> = TALLIES): Promise<Projections> {
  const projections = process.projections(definition);
  await projections.start();
  await process.runner.start();
  return projections;
}

describe('verify', () => {
  it('finds a table that is the fold of the log to be so, and says how far it looked', async () => {
    const projections = await start();
    expect(await projections.verify('tallies')).toEqual({
      name: 'tallies',
      generation: 1,
      position: head,
      rows: STREAMS,
      events: 2 * STREAMS,
      undecided: 0,
      differing: 0,
      differences: [],
    });
  });

  it('names each row and field that somebody has changed, removed or added', async () => {
    const projections = await start();
    await process.pool.query(`UPDATE tallies_g1 SET total = 7, labels = '{y}' WHERE stream = 's-0700'`);
    await process.pool.query(`DELETE FROM tallies_g1 WHERE stream = 's-0000'`);
    await process.pool.query(
      `INSERT INTO tallies_g1 SELECT 'z-9999', company_id, total, labels, detail, position, updated_at
         FROM tallies_g1 WHERE stream = 's-1202'`,
    );

    const { differing, rows, differences } = await projections.verify('tallies');
    expect([differing, rows]).toEqual([3, STREAMS]);
    expect(differences).toMatchObject([
      { key: 's-0000', kind: 'missing' },
      {
        key: 's-0700',
        kind: 'different',
        fields: [
          { field: 'total', expected: 3, actual: 7 },
          { field: 'labels', expected: ['x'], actual: ['y'] },
        ],
      },
      { key: 'z-9999', kind: 'unexpected' },
    ]);
    expect(differences[0]?.fields).toContainEqual({ field: 'total', expected: 3, actual: null });
    expect(differences[2]?.fields).toContainEqual({ field: 'total', expected: null, actual: 3 });
  });

  it('counts all that differ and names the first hundred', async () => {
    const projections = await start();
    await process.pool.query('UPDATE tallies_g1 SET total = total + 1');
    const { differing, differences } = await projections.verify('tallies');
    expect([differing, differences.length]).toEqual([STREAMS, 100]);
  });

  it('holds while events come in, and every look is at a moment of its own', async () => {
    const projections = await start();
    let busy = true;
    const writing = (async () => {
      for (let n = 0; busy; n += 1) await count(process.log, `w-${n % 50}`, n % 7 === 6 ? 'removed' : { by: n });
    })();
    const positions: number[] = [];
    while (positions.length < 10) {
      const { differences, position } = await projections.verify('tallies');
      expect(differences).toEqual([]);
      positions.push(position);
    }
    busy = false;
    await writing;
    expect(new Set(positions).size).toBeGreaterThan(1);
  });

  it('takes a parked stream for right as far as it was handled', async () => {
    const fragile: Projection<TallyRow> = {
      ...TALLIES,
      fold(row, event) {
        if (event.stream === 'bad' && event.version === 2) throw new Error('no');
        return TALLIES.fold(row, event);
      },
    };
    const projections = await start(fragile);
    await count(process.log, 'bad', { by: 1 });
    const position = await count(process.log, 'bad', { by: 2 });
    expect(await projections.caughtUp('tallies', position, 10_000)).toBe(true);
    await until(async () => (await process.runner.parked('tallies@1')).length === 1);
    expect(await projections.verify('tallies')).toMatchObject({ rows: STREAMS + 1, differing: 0 });
  });

  it('refuses a projection that it does not know', async () => {
    const projections = await start();
    await expect(async () => projections.verify('nothing')).rejects.toMatchObject({ code: 'projection_not_found' });
  });
});
