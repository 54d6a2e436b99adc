import type { Pool } from 'pg';
import type { EventCatalogue } from './event-catalogue.js';
import type { RecordedEvent } from './events.js';
import { EVENT_COLUMNS, eventOf, type EventRow } from './event-columns.js';

export interface StreamOrderOptions {
  /** The last position to look at. */
  readonly upTo: number;
  readonly types: readonly string[];
}

/** Small enough for a socket's buffer, so that Postgres goes on while a page is looked at: of 2,000 it waited. */
const PAGE = 500;

/**
 * Events stream by stream, each stream's in their order, in pages; the next page is read while one is looked at. On a
 * connection of its own, of whose transaction nobody takes notice: what is read never changes.
 */
export async function* inStreamOrder(
  pool: Pool,
  catalogue: EventCatalogue,
  { upTo, types }: StreamOrderOptions,
): AsyncGenerator<RecordedEvent[]> {
  const client = await pool.connect();
  // As arrays: an object a row takes the driver twice the time.
  const fetch = () => client.query<EventRow>({ text: `FETCH ${PAGE} FROM in_stream_order`, rowMode: 'array' });
  let next: ReturnType<typeof fetch> | null = null;
  try {
    await client.query('BEGIN READ ONLY');
    await client.query(
      `DECLARE in_stream_order NO SCROLL CURSOR FOR SELECT ${EVENT_COLUMNS} FROM events
        WHERE position <= $1 AND type = ANY ($2::text[]) ORDER BY stream, version`,
      [upTo, types],
    );
    next = fetch();
    for (;;) {
      const { rows } = await next;
      next = null;
      if (rows.length === 0) return;
      next = fetch();
      // A failure counts when its turn comes, if it does.
      next.catch(() => undefined);
      yield rows.map((row) => catalogue.decode(eventOf(row)));
    }
  } finally {
    await next?.catch(() => undefined);
    const ended = await client.query('ROLLBACK').catch((error: unknown) => error);
    client.release(ended instanceof Error);
  }
}
