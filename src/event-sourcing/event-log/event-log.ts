import type { ClientBase, PoolClient } from 'pg';
import type pg from 'pg';
import type { PostgresConfig } from '../postgres/index.js';
import type { Append, Verdict } from './append.js';
import { appendStatement, readVerdicts, type AppendRow } from './append-statement.js';
import { Committer, DEFAULT_COMMITTER_OPTIONS, type CommitterOptions } from './committer.js';
import type { EventCatalogue } from './event-catalogue.js';
import { createLogPool, logConnection } from './log-pool.js';
import { LogHistory } from './log-history.js';
import { LogReader } from './log-reader.js';
import { LogSignal } from './log-signal.js';
import { NewerEvents } from './newer-events.js';
import { RecentEvents } from './recent-events.js';
import { rolledBack } from './rolled-back.js';
import { tryWrite } from './try-write.js';

/** Usually a few megabytes; followers are behind by less, unless they are busy. */
const RECENT_EVENTS = { maxEvents: 5_000, maxBytes: 16 * 1024 * 1024 };

/** Where a transaction that appends stands: its connection, and what to tell the others once it has committed. */
export interface LogTransaction {
  readonly client: PoolClient;
  /** Appends within the transaction. It takes the log's lock: make it the last thing the transaction does. */
  append(append: Append): Promise<Verdict>;
}

export class EventLog {
  readonly read: LogReader;
  readonly signal: LogSignal;
  readonly history = new LogHistory();
  readonly newer = new NewerEvents();
  private readonly committer: Committer;
  private readonly appendPool: pg.Pool;
  private highest = 0;
  private trying: Promise<void> | null = null;
  /** For those who read the log over a connection of their own. */
  readonly connection: PostgresConfig;

  /** @param connection where the log's tables are; the log opens connections of its own for appending and listening. */
  constructor(
    readonly pool: pg.Pool,
    connection: PostgresConfig,
    readonly catalogue: EventCatalogue,
    options: Partial<CommitterOptions> = {},
  ) {
    const onSettled = (client: ClientBase): Promise<void> => this.history.check(client);
    this.connection = { ...logConnection(connection), onSettled };
    // The pool is made before the log; its connections are not.
    Object.assign(pool.options, { onSettled });
    const settings = { ...DEFAULT_COMMITTER_OPTIONS, ...options };
    const recent = new RecentEvents(RECENT_EVENTS);
    this.read = new LogReader(pool, catalogue, recent, this.history, this.newer);
    this.signal = new LogSignal(pool, connection);
    // Appends have connections of their own, so that slow reads never keep them waiting.
    this.appendPool = createLogPool({
      ...this.connection,
      max: settings.maxInFlight,
      connectionTimeoutMillis: Math.min(settings.retryBudgetMs, connection.connectionTimeoutMillis ?? Infinity),
    });
    this.committer = new Committer(this.appendPool, settings, (position, events) => {
      recent.add(events);
      const newest = events.at(-1);
      if (newest) this.history.saw(newest.position, newest.id);
      this.committed(position);
    });
    this.history.onAnother(() => {
      this.highest = 0;
      recent.clear();
      this.newer.forget();
    });
  }

  /** The highest position that this process has appended; what a reader of its own writes waits for. */
  get highestAppended(): number {
    return this.highest;
  }

  /**
   * Records an append, or says why not.
   *
   * Repeating it is safe. With an idempotency key, the first result comes back as `duplicate`. Without one, an append
   * whose own events are found where it wants to write gets `ok` with their positions.
   * @throws LogOverloadedError, LogUnavailableError
   */
  append(append: Append): Promise<Verdict> {
    return this.committer.append(append);
  }

  /**
   * Runs a transaction that may append, for a step that must move something else along with its events. It is rolled
   * back when the work throws.
   */
  async transaction<T>(work: (transaction: LogTransaction) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let appended = 0;
    let broken = false;
    try {
      await client.query('BEGIN');
      const result = await work({
        client,
        append: async (append) => {
          const verdict = await this.appendIn(client, append);
          if (verdict.kind === 'ok') appended = verdict.position;
          return verdict;
        },
      });
      await client.query('COMMIT');
      if (appended > 0) this.committed(appended);
      return result;
    } catch (error) {
      broken = !(await rolledBack(client, error));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /** Appends within a transaction that the caller commits. After the commit, call `committed` with the verdict's position. */
  async appendIn(client: PoolClient, append: Append): Promise<Verdict> {
    const { rows } = await client.query<AppendRow>(appendStatement([append]));
    return readVerdicts([append], rows[0] as AppendRow)[0] as Verdict;
  }

  /** Tells this process, and soon the others, that the log has grown. */
  committed(position: number): void {
    this.highest = Math.max(this.highest, position);
    this.history.saw(position);
    this.signal.appended();
  }

  /**
   * Whether appends are recorded: what the newest one found. Where it failed, a write of the same kind is tried, so that it
   * is known to have passed although nobody appends meanwhile.
   * @throws what keeps the database from recording
   */
  async requireWrites(): Promise<void> {
    if (this.committer.failure === null) return;
    // On a connection of those that failed: the others may have been there before the database was set to something else.
    this.trying ??= tryWrite(this.appendPool).finally(() => {
      this.trying = null;
    });
    await this.trying;
    this.committer.failure = null;
  }

  /** Waits for the appends under way, then closes the log's own connections (not the pool that it was given). */
  async close(): Promise<void> {
    await this.committer.drain();
    await this.signal.close();
    await this.appendPool.end();
  }
}
