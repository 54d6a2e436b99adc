import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import { foldAll, type Projection, type Projections } from '../../../src/event-sourcing/projections/index.js';
import { copyDatabase, type TestDatabase } from '../../support/database.js';
import {
  allEvents,
  COMPANY,
  count,
  COUNTED,
  createProjectionDatabase,
  openProcess,
  REMOVED,
  standStill,
  TALLIES,
  TallyRow,
  until,
  Wire,
  type Process,
} from '../../support/projections.js';

/** Streams of 1 to 21 events, so that some go over from one page to the next; longer than what is handled in parts. */
const STREAMS = 1_200;

/** Has been followed to its head. */
let followed: TestDatabase;
let database: TestDatabase;
let writer: Process;
let opened: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  followed = await createProjectionDatabase();
  const process = await openProcess(followed.connection);
  await makeLongLog(process);
  const projections = process.projections();
  await projections.start();
  await process.runner.start();
  expect(await projections.caughtUp('tallies', await process.log.read.head(), 30_000)).toBe(true);
  await process.close();
});

beforeEach(async () => {
  database = await copyDatabase(followed);
  writer = await openProcess(database.connection);
});

afterEach(async () => {
  for (const close of opened.reverse()) await close();
  opened = [];
  await writer?.close();
  await database?.drop();
});

afterAll(() => followed?.drop());

/** Its streams are mixed; some rows end; a NULL, a JSON null's look-alike, an empty list and odd texts are among them. */
async function makeLongLog({ pool }: Process): Promise<void> {
  const { rows } = await pool.query<{ n: number }>(
    `INSERT INTO events (position, stream, version, id, type, schema_version, company_id, actor, recorded_at, data)
     SELECT row_number() OVER (ORDER BY version, s), 's-' || s, version, gen_random_uuid(),
            CASE WHEN version = 7 AND s % 5 = 0 THEN '${REMOVED}' ELSE '${COUNTED}' END, 1, $1, 'system:test', now(),
            CASE WHEN s % 3 = 0 THEN jsonb_build_object('by', version, 'label', E'{"a\\\\b",\\n' || version)
                 WHEN s % 7 = 0 THEN jsonb_build_object('by', version, 'detail', jsonb_build_object('null', NULL, 't', 'null'))
                 ELSE jsonb_build_object('by', version) END
       FROM generate_series(1, ${STREAMS}) s, generate_series(1, 1 + s % 21) version
     RETURNING position AS n`,
    [COMPANY],
  );
  expect(rows.length).toBeGreaterThan(10_000);
}

async function open(definition: Projection<object> = TALLIES, wire?: Wire): Promise<Process & { all: Projections }> {
  const process = await openProcess(wire?.connection ?? database.connection);
  opened.push(() => process.close());
  if (wire) opened.push(() => wire.cut());
  const all = process.projections(definition);
  await all.start();
  await process.runner.start();
  return { ...process, all };
}

async function rebuilt({ all }: { all: Projections }): Promise<void> {
  const generation = await all.rebuild('tallies');
  await until(async () => (await all.status())[0]?.generation === generation, 30_000);
  const rows = await writer.source.getRepository(TallyRow).find();
  expect(new Map(rows.map((row) => [row.stream, { ...row }]))).toEqual(foldAll(TALLIES, await allEvents(writer.log)));
}

const indexesOf = async (generation: number): Promise<string[]> => {
  const { rows } = await writer.pool.query<{ columns: string }>(
    `SELECT regexp_replace(indexdef, '.* USING ', '') AS columns FROM pg_indexes WHERE tablename = $1 ORDER BY 1`,
    [`tallies_g${generation}`],
  );
  return rows.map(({ columns }) => columns);
};

describe('a long log', () => {
  it('is filled in at once, row by row, and the table is the same as if it had been followed', async () => {
    const process = await open();
    expect(await process.all.caughtUp('tallies', await writer.log.read.head(), 30_000)).toBe(true);
    const steps: number[] = [];
    const looking = setInterval(() => {
      void process.all.status().then(([status]) => steps.push(status?.rebuild?.progress ?? 0));
    }, 5);
    await rebuilt(process);
    clearInterval(looking);
    expect(steps.some((step) => step > 0 && step < 1)).toBe(true);
    expect(await indexesOf(2)).toEqual(await indexesOf(1));
    expect(process.said.filter((line) => line.includes('in parts'))).toEqual([]);
    // Its first checkpoint was the head: nothing was handled in parts.
    const more = await count(writer.log, 'more', { by: 1 });
    expect(await process.all.caughtUp('tallies', more, 5_000)).toBe(true);
  });

  it('with an event that cannot be folded is handled in parts, and its stream is parked', async () => {
    let broken = false;
    const fragile: Projection<TallyRow> = {
      ...TALLIES,
      fold(row, event) {
        if (broken && event.stream === 's-20' && event.version === 9) throw new Error('cannot fold');
        return TALLIES.fold(row, event);
      },
    };
    const process = await open(fragile);
    expect(await process.all.caughtUp('tallies', await writer.log.read.head(), 30_000)).toBe(true);
    broken = true;
    const generation = await process.all.rebuild('tallies');
    await until(async () => (await process.all.status())[0]?.rebuild?.parked === 1, 30_000);
    expect(process.said).toContain('the log could not be handled at once; handling it in parts');
    expect(await indexesOf(generation)).toEqual(await indexesOf(1));
    broken = false;
    expect(await process.runner.retryParked(`tallies@${generation}`, 's-20')).toEqual({ kind: 'recovered' });
    await until(async () => (await process.all.status())[0]?.generation === generation);
  });

  it('whose filling is cut off by the end of its process is filled by another, from the beginning', async () => {
    const wire = await Wire.lay(database.connection);
    let slow = false;
    const held: Projection<TallyRow> = {
      ...TALLIES,
      fold(row, event) {
        if (slow) standStill(0.2);
        return TALLIES.fold(row, event);
      },
    };
    const killed = await open(held, wire);
    expect(await killed.all.caughtUp('tallies', await writer.log.read.head(), 30_000)).toBe(true);
    slow = true;
    await killed.all.rebuild('tallies');
    await until(async () => ((await killed.all.status())[0]?.rebuild?.progress ?? 0) > 0.1, 30_000);
    wire.cut();
    const { rows } = await writer.pool.query('SELECT FROM tallies_g2');
    expect(rows.length).toBe(0);
    const heir = await open();
    await until(async () => (await heir.all.status())[0]?.generation === 2, 30_000);
    expect(await heir.all.caughtUp('tallies', await count(writer.log, uuidv7(), { by: 1 }), 5_000)).toBe(true);
    expect(await indexesOf(2)).toEqual(await indexesOf(1));
  });
});
