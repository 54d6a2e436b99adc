import DataLoader from 'dataloader';
import type { Pool, PoolClient } from 'pg';
import type { FirstResult } from './append.js';
import type { EventCatalogue } from './event-catalogue.js';
import { EVENT_COLUMNS } from './event-columns.js';
import { UnknownEventError } from './errors.js';
import type { RecordedEvent } from './events.js';
import type { LogHistory } from './log-history.js';
import { isFull, pageQuery, type LogPage } from './log-page.js';
import type { NewerEvents } from './newer-events.js';
import type { RecentEvents } from './recent-events.js';
import { inStreamOrder, type StreamOrderOptions } from './stream-order.js';

/** Of the newest events, for signs of a newer release. */
const LOOKED_AT = 10_000;

/** What may be asked of the database: a pool, or the connection of a transaction. */
export type Queryable = Pool | PoolClient;

export interface ReadAfterOptions {
  /** Events to return at most. */
  readonly limit: number;
  /** The last position to look at; the head when absent. */
  readonly upTo?: number;
  readonly companyId?: string;
  readonly stream?: string;
  readonly types?: readonly string[];
  readonly correlationId?: string;
  /** Gives what only a newer release understands as it is recorded, and marks it. Without, it throws. */
  readonly takesNewer?: boolean;
}

export interface StreamOptions {
  readonly afterVersion?: number;
  /** The last position to look at; the head when absent or null. */
  readonly upTo?: number | null;
  /** As of `after`. */
  readonly takesNewer?: boolean;
}

interface StreamTail {
  readonly stream: string;
  readonly afterVersion: number;
  readonly upTo: number;
}

/** Of one stream in one read. */
const TAIL = 5_000;

const TAILS = pageQuery(
  // LIMIT keeps it a look-up for each stream: as a plain join, a plan made while the table was small reads all of it.
  `unnest($1::text[], $2::int[], $3::bigint[]) WITH ORDINALITY AS tail(in_stream, after, up_to, place)
    CROSS JOIN LATERAL (SELECT * FROM events WHERE stream = in_stream AND version > after AND position <= up_to
      ORDER BY version LIMIT ${TAIL}) tail_events`,
  'place, version',
  'ALL',
  ', place',
);

export interface StreamVersion {
  readonly stream: string;
  readonly version: number;
}

interface StreamsByKey {
  readonly companyId: string;
  readonly correlationKey: string;
}

export class LogReader {
  private readonly tails: DataLoader<StreamTail, LogPage>;
  private readonly openStreams: DataLoader<StreamsByKey, StreamVersion[]>;

  constructor(
    private readonly pool: Pool,
    private readonly catalogue: EventCatalogue,
    private readonly recent: RecentEvents,
    private readonly history: LogHistory,
    private readonly newer: NewerEvents,
  ) {
    // Reads of one turn of the event loop share a query. Nothing is cached: a read always asks the log.
    const options = { cache: false, maxBatchSize: 256, batchScheduleFn: (run: () => void) => void setImmediate(run) };
    this.tails = new DataLoader((tails) => this.readTails(tails), options);
    this.openStreams = new DataLoader((keys) => this.readOpenStreams(keys), options);
  }

  /**
   * The events of a stream in their order, read page by page; none when there is no such stream.
   * @throws UnknownEventError
   */
  async *stream(
    stream: string,
    { afterVersion = 0, upTo, takesNewer = false }: StreamOptions = {},
  ): AsyncGenerator<RecordedEvent, void> {
    for (let after = afterVersion; ;) {
      const tail = { stream, afterVersion: after, upTo: upTo ?? Number.MAX_SAFE_INTEGER };
      const { events, hasMore } = await this.tails.load(tail);
      for (const event of events) {
        if (event.notUnderstood && !takesNewer) throw new UnknownEventError(event);
        yield event;
      }
      if (!hasMore) return;
      after = events.at(-1)?.version ?? after;
    }
  }

  /** The open streams of a company with this correlation key, by name, as the log has them now. */
  openStreamsWithKey(companyId: string, correlationKey: string): Promise<StreamVersion[]> {
    return this.openStreams.load({ companyId, correlationKey });
  }

  /** Names the log, whatever becomes of the rest of it: the id of its first event; null while it is empty. */
  async id(): Promise<string | null> {
    const { rows } = await this.pool.query<{ id: string }>('SELECT id FROM events WHERE position = 1');
    return rows[0]?.id ?? null;
  }

  /** Those of the streams that there are. */
  async existing(streams: readonly string[]): Promise<Set<string>> {
    const { rows } = await this.pool.query<{ stream: string }>(
      'SELECT stream FROM streams WHERE stream = ANY ($1::text[])',
      [streams],
    );
    return new Set(rows.map(({ stream }) => stream));
  }

  /** Names of the open streams under a parent. */
  async openChildren(parent: string): Promise<string[]> {
    const { rows } = await this.pool.query<{ stream: string }>({
      name: 'open_children',
      text: 'SELECT stream FROM streams WHERE parent = $1 AND open ORDER BY stream',
      values: [parent],
    });
    return rows.map((row) => row.stream);
  }

  /** A page of the events after a position, in their order. */
  async after(position: number, options: ReadAfterOptions, on: Queryable = this.pool): Promise<LogPage> {
    const { limit } = options;
    const recent = options.upTo === undefined ? null : this.recent.range(position, options.upTo);
    if (recent) {
      const wanted = recent.filter((event) => matches(event, options));
      return { events: wanted.slice(0, limit), hasMore: wanted.length >= limit };
    }
    const values: unknown[] = [position, limit];
    const conditions = ['position > $1'];
    const where = (condition: string, value: unknown): void => {
      values.push(value);
      conditions.push(condition.replace('?', `$${values.length}`));
    };
    if (options.upTo !== undefined) where('position <= ?', options.upTo);
    if (options.companyId !== undefined) where('company_id = ?', options.companyId);
    if (options.stream !== undefined) where('stream = ?', options.stream);
    if (options.types !== undefined) where('type = ANY (?::text[])', options.types);
    if (options.correlationId !== undefined) where('correlation_id = ?', options.correlationId);
    const text = pageQuery(`events WHERE ${conditions.join(' AND ')}`, 'position', '$2');
    const { rows } = await on.query<RecordedEvent & { bytes: unknown }>(text, values);
    const hasMore = rows.length === limit || isFull(rows.at(-1)?.bytes);
    const events = rows.map(({ bytes: _, ...row }) => this.decoded(row));
    return { events: options.takesNewer === true ? events : allUnderstood(events), hasMore };
  }

  /** Looks at the newest events for some that only a newer release understands. */
  async lookForNewer(): Promise<void> {
    const { rows } = await this.pool.query<Pick<RecordedEvent, 'type' | 'schemaVersion' | 'position'>>(
      `SELECT type, schema_version AS "schemaVersion", max(position) AS position
        FROM (SELECT * FROM events ORDER BY position DESC LIMIT ${LOOKED_AT}) AS newest GROUP BY type, schema_version`,
    );
    for (const row of rows) if (!this.catalogue.understands(row)) this.newer.meet(row);
  }

  /** Events stream by stream, in pages: for whoever wants all of them and not their order among streams. */
  inStreamOrder(options: StreamOrderOptions): AsyncGenerator<RecordedEvent[]> {
    return inStreamOrder(this.pool, this.catalogue, options);
  }

  /** The events at these positions, in the order of the log; those of a newer release as they are recorded. */
  async at(positions: readonly number[]): Promise<RecordedEvent[]> {
    const { rows } = await this.pool.query<RecordedEvent>({
      name: 'events_at',
      text: `SELECT ${EVENT_COLUMNS} FROM events WHERE position = ANY ($1::bigint[]) ORDER BY position`,
      values: [positions],
    });
    return rows.map((row) => this.decoded(row));
  }

  /** The position of the newest event; 0 for an empty log. */
  async head(on: Queryable = this.pool): Promise<number> {
    const { reaches } = this.history;
    const { rows } = await on.query<{ position: number | null }>({
      name: 'head',
      text: 'SELECT max(position) AS position FROM events',
    });
    const head = rows[0]?.position ?? 0;
    // The snapshot of a transaction may be an older one.
    if (on === this.pool) this.history.sawHead(head, reaches);
    return head;
  }

  /**
   * The position of the newest event that was recorded at a time (ISO 8601) or before it; 0 when there is none, null when
   * the time has not passed yet. Times never fall along the log, so that it is a search by halves.
   */
  async positionAt(time: string): Promise<number | null> {
    const { rows } = await this.pool.query<{ position: number; passed: boolean }>({
      name: 'position_at',
      text: `WITH RECURSIVE search(low, high) AS (
          SELECT 0::bigint, coalesce((SELECT max(position) FROM events), 0)
          UNION ALL
          SELECT CASE WHEN e.recorded_at <= $1 THEN e.position ELSE low END,
                 CASE WHEN e.recorded_at <= $1 THEN high ELSE e.position - 1 END
            FROM search JOIN events e ON e.position = (low + high + 1) / 2
           WHERE low < high)
        SELECT low AS position, $1 < date_trunc('milliseconds', clock_timestamp()) AS passed FROM search WHERE low = high`,
      values: [time],
    });
    const [found] = rows;
    if (!found) throw new Error('The log has a gap.');
    return found.passed ? found.position : null;
  }

  /** What a command with this key answered first, if there was one. */
  async firstResult(companyId: string, key: string): Promise<FirstResult | null> {
    const { rows } = await this.pool.query<FirstResult>({
      name: 'first_result',
      text: 'SELECT fingerprint, result, position FROM idempotency WHERE company_id = $1 AND key = $2',
      values: [companyId, key],
    });
    return rows[0] ?? null;
  }

  /** Where the bytes are not enough for all of them, those that come later have nothing yet. */
  private async readTails(tails: readonly StreamTail[]): Promise<LogPage[]> {
    const { rows } = await this.pool.query<RecordedEvent & { place: number; bytes: unknown }>({
      name: 'read_tails',
      text: TAILS,
      values: [
        tails.map((tail) => tail.stream),
        tails.map((tail) => tail.afterVersion),
        tails.map((tail) => tail.upTo),
      ],
    });
    const last = rows.at(-1);
    const whole = last && isFull(last.bytes) ? last.place - 1 : tails.length;
    const events: RecordedEvent[][] = tails.map(() => []);
    for (const { place, bytes: _, ...row } of rows) events[place - 1]?.push(this.decoded(row));
    return events.map((own, index) => ({ events: own, hasMore: index >= whole || own.length === TAIL }));
  }

  private decoded(stored: RecordedEvent): RecordedEvent {
    if (this.catalogue.understands(stored)) return this.catalogue.decode(stored);
    this.newer.meet(stored);
    return { ...stored, notUnderstood: true };
  }

  private async readOpenStreams(keys: readonly StreamsByKey[]): Promise<StreamVersion[][]> {
    const { rows } = await this.pool.query<StreamVersion & { place: number }>({
      name: 'read_open_streams',
      // OFFSET 0 keeps it a look-up for each key: as a plain join, a plan made while the table was small reads all of it.
      text: `SELECT s.stream, s.version, place
        FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS asked(company, key, place)
        CROSS JOIN LATERAL (SELECT stream, version FROM streams
          WHERE company_id = company AND correlation_key = key AND open OFFSET 0) s
        ORDER BY place, s.stream`,
      values: [keys.map((key) => key.companyId), keys.map((key) => key.correlationKey)],
    });
    const streams: StreamVersion[][] = keys.map(() => []);
    for (const { place, stream, version } of rows) streams[place - 1]?.push({ stream, version });
    return streams;
  }
}

/** @throws UnknownEventError */
function allUnderstood(events: RecordedEvent[]): RecordedEvent[] {
  const unknown = events.find(({ notUnderstood }) => notUnderstood);
  if (unknown) throw new UnknownEventError(unknown);
  return events;
}

/** The same conditions as in `after`'s query. */
function matches(event: RecordedEvent, { companyId, stream, types, correlationId }: ReadAfterOptions): boolean {
  return (
    (companyId === undefined || event.companyId === companyId) &&
    (stream === undefined || event.stream === stream) &&
    (types === undefined || types.includes(event.type)) &&
    (correlationId === undefined || event.correlationId === correlationId)
  );
}
