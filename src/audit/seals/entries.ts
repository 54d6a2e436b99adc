import type { Pool } from 'pg';
import type { Queryable } from '../../event-sourcing/event-log/index.js';
import type { EventLine } from './event-line.js';
import type { Leaves } from './leaves.js';

/**
 * An event as it is sealed (see `entryOf`): the row itself, to the last microsecond and digit, and not what a reader made
 * of it, as Postgres sends it to clients that want it in binary. That takes half the time of writing all of it as JSON.
 */
const SEALED_COLUMNS = `stream, version, id, type, schema_version, company_id, actor, correlation_id, causation_id,
  recorded_at, data`;

/** As `leafHash`: made where the events are, so that each takes 32 bytes of an answer. */
const LEAF = `sha256('\\x00'::bytea || record_send(ROW(${SEALED_COLUMNS})))`;

const LINE = `concat('{"position":', position, ',"event":{"stream":', to_json(stream), ',"version":', version,
  ',"id":"', id, '","type":', to_json(type), ',"schemaVersion":', schema_version, ',"companyId":"', company_id,
  '","actor":', to_json(actor), ',"correlationId":', coalesce(to_json(correlation_id)::text, 'null'),
  ',"causationId":', coalesce(to_json(causation_id)::text, 'null'), ',"recordedAt":', to_json(recorded_at),
  ',"data":', data, '}}')`;

/** Events of one answer: more would hold up everything else of the process while they are looked at. */
const PAGE = 2_000;

/** Pages that are read while one is looked at: Postgres takes longer to write an event than it takes to look at it. */
const READ_AHEAD = 2;

/** The leaves of the events after a position up to another one, in their order. */
export async function readLeaves(on: Queryable, after: number, upTo: number): Promise<Leaves> {
  const { rows } = await on.query<{ leaves: Buffer | null; first: number; last: number; count: number }>({
    name: 'event_leaves',
    text: `SELECT string_agg(leaf, ''::bytea) AS leaves, min(position) AS first, max(position) AS last, count(*) AS count
      FROM (SELECT position, ${LEAF} AS leaf FROM events WHERE position > $1 AND position <= $2 ORDER BY position) l`,
    values: [after, upTo],
  });
  const [page] = rows;
  if (!page?.leaves) return { positions: [], leaves: Buffer.alloc(0) };
  const { leaves, first, last, count } = page;
  const positions =
    last - first + 1 === count
      ? Array.from({ length: count }, (_, index) => first + index)
      : await readPositions(on, after, upTo);
  return { positions, leaves };
}

async function readPositions(on: Queryable, after: number, upTo: number): Promise<number[]> {
  const { rows } = await on.query<{ position: number }>(
    'SELECT position FROM events WHERE position > $1 AND position <= $2 ORDER BY position',
    [after, upTo],
  );
  return rows.map(({ position }) => position);
}

export async function readStreamLines(on: Queryable, stream: string): Promise<EventLine[]> {
  const { rows } = await on.query<{ line: string }>(
    `SELECT ${LINE} AS line FROM events WHERE stream = $1 ORDER BY version`,
    [stream],
  );
  return rows.map(({ line }) => line);
}

/** The leaves of the events after a position up to another one, in pages with at least one. */
export function leafPages(on: Pool, after: number, upTo: number): AsyncGenerator<Leaves> {
  return pages(
    after,
    upTo,
    (from, to) => readLeaves(on, from, to),
    ({ positions }) => positions.length > 0,
  );
}

/** The lines of the events after a position up to another one, in pages with at least one. */
export function linePages(on: Pool, after: number, upTo: number): AsyncGenerator<EventLine[]> {
  return pages(
    after,
    upTo,
    (from, to) => readLines(on, from, to),
    (lines) => lines.length > 0,
  );
}

async function readLines(on: Queryable, after: number, upTo: number): Promise<EventLine[]> {
  // One text for all: to read a row a line takes this process as long again. No JSON has a line break in it.
  const { rows } = await on.query<{ lines: string | null }>({
    name: 'event_lines',
    text: `SELECT string_agg(line, E'\\n') AS lines FROM (
             SELECT ${LINE} AS line FROM events WHERE position > $1 AND position <= $2 ORDER BY position) l`,
    values: [after, upTo],
  });
  return rows[0]?.lines?.split('\n') ?? [];
}

/** Positions that are missing make a page shorter. */
async function* pages<Page>(
  after: number,
  upTo: number,
  read: (after: number, upTo: number) => Promise<Page>,
  isWorthIt: (page: Page) => boolean,
): AsyncGenerator<Page> {
  const reading: Promise<Page>[] = [];
  let next = after;
  for (;;) {
    while (next < upTo && reading.length <= READ_AHEAD) {
      const page = read(next, Math.min(next + PAGE, upTo));
      // A failure counts when its turn comes, if it does.
      page.catch(() => undefined);
      reading.push(page);
      next += PAGE;
    }
    const page = await reading.shift();
    if (page === undefined) return;
    if (isWorthIt(page)) yield page;
  }
}
