import type { Pool } from 'pg';
import type { Queryable } from '../../event-log/index.js';
import type { EventLine } from './event-line.js';

/**
 * An event as it is sealed: all that its row says, in a fixed order, as JSON. Postgres writes it, so that it is the row
 * itself, to the last microsecond and digit, and not what a reader made of it. The text of a jsonb is the same for equal
 * values, and has not changed since there is jsonb. The place in the log is not in it: it is the place in the tree.
 */
const ENTRY = `concat('{"stream":', to_json(stream), ',"version":', version, ',"id":"', id, '","type":', to_json(type),
  ',"schemaVersion":', schema_version, ',"companyId":"', company_id, '","actor":', to_json(actor),
  ',"correlationId":', coalesce(to_json(correlation_id)::text, 'null'),
  ',"causationId":', coalesce(to_json(causation_id)::text, 'null'),
  ',"recordedAt":', to_json(recorded_at), ',"data":', data, '}')`;

const LINE = `concat('{"position":', position, ',"event":', ${ENTRY}, '}')`;

/** Lines of one answer: more would hold up everything else of the process while they are hashed. */
const PAGE = 2_000;

/** The events after a position up to another one, in their order. @param limit of events */
export async function readEventLines(on: Queryable, after: number, upTo: number, limit = PAGE): Promise<EventLine[]> {
  // One text for all: to read a row a line takes this process as long again. No JSON has a line break in it.
  const { rows } = await on.query<{ lines: string | null }>({
    name: 'event_lines',
    text: `SELECT string_agg(line, E'\\n') AS lines FROM (
             SELECT ${LINE} AS line FROM events WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3) l`,
    values: [after, upTo, limit],
  });
  return rows[0]?.lines?.split('\n') ?? [];
}

export async function readStreamLines(on: Queryable, stream: string): Promise<EventLine[]> {
  const { rows } = await on.query<{ line: string }>(
    `SELECT ${LINE} AS line FROM events WHERE stream = $1 ORDER BY version`,
    [stream],
  );
  return rows.map(({ line }) => line);
}

/** Pages that are read while one is looked at: Postgres takes longer to write an event's text than it takes to hash it. */
const READ_AHEAD = 2;

/** Pages of lines up to a position, each with at least one; positions that are missing make a page shorter. */
export async function* eventLinePages(on: Pool, after: number, upTo: number): AsyncGenerator<EventLine[]> {
  const reading: Promise<EventLine[]>[] = [];
  let next = after;
  for (;;) {
    while (next < upTo && reading.length <= READ_AHEAD) {
      const page = readEventLines(on, next, Math.min(next + PAGE, upTo));
      // A failure counts when its turn comes, if it does.
      page.catch(() => undefined);
      reading.push(page);
      next += PAGE;
    }
    const lines = await reading.shift();
    if (lines === undefined) return;
    if (lines.length > 0) yield lines;
  }
}
