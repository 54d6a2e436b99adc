import type { RecordedEvent } from '../event-log/index.js';

/**
 * A read model: a table whose every row is the fold of some events. It is pure, so that a table can be thrown away,
 * filled again and compared with the log.
 *
 * Rows are plain objects with the property names of the entity and the values of JSON: times are ISO 8601 strings, bigints
 * are numbers. The entity declares its columns so (see `isoTime` and `safeInteger`), which makes a row what a query gives.
 */
export interface Projection<Row extends object> {
  /** The name of the entity's table; queries use it, and it is a view of the generation that is live. */
  readonly name: string;
  /** Raised with every change of the columns or of the fold: a new release then rebuilds the table beside the old one. */
  readonly version: number;
  /** Says which columns and indexes a generation's table has. It has one primary column, whose values `keyOf` gives. */
  readonly entity: new () => Row;
  readonly types: readonly string[];
  /** The row that an event concerns, or null for none. A row is the fold of one stream. */
  keyOf(event: RecordedEvent): string | null;
  /** The row after the event; null when there no longer is one. It never changes the row that it is given. */
  fold(row: Row | null, event: RecordedEvent): Row | null;
}

/** Applies events to the rows that they concern; a row that `rows` does not have counts as absent. */
export function foldInto<Row extends object>(
  projection: Projection<Row>,
  rows: Map<string, Row | null>,
  events: readonly RecordedEvent[],
): void {
  for (const event of events) {
    const key = projection.keyOf(event);
    if (key !== null) rows.set(key, projection.fold(rows.get(key) ?? null, event));
  }
}

/** What the table holds once it has seen exactly these events, given in the order of the log. */
export function foldAll<Row extends object>(
  projection: Projection<Row>,
  events: Iterable<RecordedEvent>,
): Map<string, Row> {
  const types = new Set(projection.types);
  const rows = new Map<string, Row>();
  for (const event of events) {
    const key = types.has(event.type) ? projection.keyOf(event) : null;
    if (key === null) continue;
    const row = projection.fold(rows.get(key) ?? null, event);
    if (row === null) rows.delete(key);
    else rows.set(key, row);
  }
  return rows;
}
