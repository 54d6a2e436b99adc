import { EVENT_COLUMNS } from './event-columns.js';
import type { RecordedEvent } from './events.js';

/** What one read gives: no more than is meant to be in memory at once. */
export interface LogPage {
  readonly events: readonly RecordedEvent[];
  /** Whether there may be more behind the last one; there is none where this is false. */
  readonly hasMore: boolean;
}

/** With the event that reaches it, a page ends, however few events it has. */
const PAGE_BYTES = 4 * 1024 * 1024;
/** More than an event has: a request has a megabyte. */
const MOST_BYTES = 2 * 1024 * 1024;
/** Postgres packs data of more than 2 KB, to a 255th of its size at the best. */
const BEST_PACKING = 255;

/** The bytes of an event's data at most, known without reading them. */
const WEIGHT = `CASE WHEN pg_column_compression(data) IS NULL THEN pg_column_size(data)
  ELSE least(pg_column_size(data) * ${BEST_PACKING}, ${MOST_BYTES}) END`;

/**
 * A query of one page.
 * @param from what the events are selected from, with conditions
 * @param order columns, by which it is found without sorting, so that no more is looked at than is given
 * @param limit events at most, as an expression
 * @param more columns beside those of events
 */
export function pageQuery(from: string, order: string, limit: string, more = ''): string {
  return `SELECT ${EVENT_COLUMNS}${more}, weighed AS bytes FROM (
      SELECT *, ${WEIGHT} AS weight, sum(${WEIGHT}) OVER (ORDER BY ${order} ROWS UNBOUNDED PRECEDING) AS weighed
        FROM ${from} ORDER BY ${order} LIMIT ${limit}) page
    WHERE weighed - weight < ${PAGE_BYTES} ORDER BY ${order}`;
}

/** @param bytes of the page's last row */
export function isFull(bytes: unknown): boolean {
  return Number(bytes) >= PAGE_BYTES;
}
