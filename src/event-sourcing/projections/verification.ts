import { isDeepStrictEqual } from 'node:util';
import type { PoolClient } from 'pg';
import type { EventLog, RecordedEvent } from '../event-log/index.js';
import type { Generation } from './generations.js';
import { foldInto, type Projection } from './projection.js';
import type { ReadModelTable } from './read-model-table.js';

/** A row that is not the fold of its events. */
export interface RowDifference {
  readonly key: string;
  /** `missing`: the log has it and the table does not; `unexpected`: the other way round. */
  readonly kind: 'missing' | 'unexpected' | 'different';
  /** Those that differ; `expected` is what the log folds to. Null stands for no row. */
  readonly fields: readonly { readonly field: string; readonly expected: unknown; readonly actual: unknown }[];
}

export interface Verification {
  readonly name: string;
  readonly generation: number;
  /** The table was compared with the fold of the log up to here. */
  readonly position: number;
  /** Rows that the log folds to. */
  readonly rows: number;
  /** Rows that are not compared: they are made of events that only a newer release understands. */
  readonly undecided: number;
  readonly events: number;
  /** How many rows differ; `differences` has the first hundred of them. */
  readonly differing: number;
  readonly differences: readonly RowDifference[];
}

/** Streams, and rows, that are compared at a time. */
const PAGE = 500;
const DIFFERENCES = 100;

/**
 * Folds the log and compares the table of a generation with it, row by row. All is read from one snapshot of the database,
 * so that events may be appended and handled meanwhile. A parked stream counts up to where it is parked.
 * @param client in a REPEATABLE READ transaction
 */
export async function verifyGeneration<Row extends object>(
  client: PoolClient,
  log: EventLog,
  projection: Projection<Row>,
  table: ReadModelTable<Row>,
  { name, generation, subscription }: Generation,
): Promise<Verification> {
  const position = await checkpointOf(client, subscription);
  const parked = await parkedAt(client, subscription);
  const known = new Set<string>();
  const found: RowDifference[] = [];
  const types = new Set(projection.types);
  const undecided = new Set<string>();
  let differing = 0;
  let events = 0;
  const differ = (difference: RowDifference | null): void => {
    if (difference === null) return;
    differing += 1;
    if (found.length < DIFFERENCES) found.push(difference);
  };

  const isHandled = ({ stream, position: at }: RecordedEvent): boolean => at < (parked.get(stream) ?? Infinity);
  for await (const streams of pagesOf(client, 'streams', 'stream')) {
    const expected = new Map<string, Row | null>();
    const foldStream = async (stream: string): Promise<void> => {
      for await (const event of log.read.stream(stream, { upTo: position, takesNewer: true })) {
        events += 1;
        if (!types.has(event.type) || !isHandled(event)) continue;
        if (!event.notUnderstood) foldInto(projection, expected, [event]);
        // A newer release has handled it.
        else undecided.add(projection.keyOf(event) ?? '');
      }
    };
    // What is recorded never changes: it need not be read from the snapshot.
    await Promise.all(streams.map(foldStream));
    const actual = await table.load(client, [...expected.keys()]);
    for (const [key, row] of expected) {
      if (row === null || undecided.has(key)) continue;
      known.add(key);
      differ(differenceOf(key, row, actual.get(key) ?? null));
    }
  }
  for await (const keys of pagesOf(client, table.name, table.keyColumn)) {
    const unexpected = keys.filter((key) => !known.has(key) && !undecided.has(key));
    const actual = await table.load(client, unexpected);
    for (const [key, row] of actual) differ(differenceOf(key, null, row));
  }
  const counts = { rows: known.size, undecided: undecided.size, events, differing };
  return { name, generation, position, ...counts, differences: found };
}

export function differenceOf(key: string, expected: object | null, actual: object | null): RowDifference | null {
  const of = (row: object | null, field: string): unknown => (row === null ? null : Reflect.get(row, field));
  const fields = Object.keys({ ...expected, ...actual })
    .map((field) => ({ field, expected: of(expected, field), actual: of(actual, field) }))
    .filter((one) => !isDeepStrictEqual(one.expected, one.actual));
  if (expected === null) return { key, kind: 'unexpected', fields };
  if (actual === null) return { key, kind: 'missing', fields };
  return fields.length > 0 ? { key, kind: 'different', fields } : null;
}

async function checkpointOf(client: PoolClient, subscription: string): Promise<number> {
  const { rows } = await client.query<{ checkpoint: number }>('SELECT checkpoint FROM subscriptions WHERE name = $1', [
    subscription,
  ]);
  return rows[0]?.checkpoint ?? 0;
}

async function parkedAt(client: PoolClient, subscription: string): Promise<Map<string, number>> {
  const { rows } = await client.query<{ stream: string; position: number }>(
    'SELECT stream, position FROM parked_streams WHERE subscription = $1',
    [subscription],
  );
  return new Map(rows.map(({ stream, position }) => [stream, position]));
}

/** The values of a table's key, in its order, a page at a time. */
async function* pagesOf(client: PoolClient, table: string, column: string): AsyncGenerator<string[]> {
  const [from, key] = [client.escapeIdentifier(table), client.escapeIdentifier(column)];
  let last: string | null = null;
  for (;;) {
    const { rows }: { rows: { key: string }[] } = await client.query(
      `SELECT ${key}::text AS key FROM ${from} ${last === null ? '' : `WHERE ${key} > $2`} ORDER BY ${key} LIMIT $1`,
      last === null ? [PAGE] : [PAGE, last],
    );
    if (rows.length > 0) yield rows.map((row) => row.key);
    if (rows.length < PAGE) return;
    last = rows.at(-1)?.key ?? null;
  }
}
