import { DataSource } from 'typeorm';
import type pg from 'pg';
import { EVENT_LOG_MIGRATIONS } from '../../migrations/index.js';
import {
  createLogPool,
  EventCatalogue,
  EventLog,
  type CommitterOptions,
  type ReadAfterOptions,
  type RecordedEvent,
} from '../../src/event-sourcing/event-log/index.js';
import { type Connection, createEmptyDatabase, type TestDatabase } from './database.js';

export interface OpenLog {
  readonly log: EventLog;
  readonly pool: pg.Pool;
  close(): Promise<void>;
}

/** The one type of event that the log's own tests write. */
export const HAPPENED = 'Happened';

export const TEST_CATALOGUE = new EventCatalogue([{ type: HAPPENED, schemaVersion: 1, schema: {}, upcasters: {} }]);

/** A fresh database with the log's tables. */
export async function createLogDatabase(): Promise<TestDatabase> {
  const database = await createEmptyDatabase();
  const { user: username, ...where } = database.connection;
  const source = new DataSource({ type: 'postgres', ...where, username, migrations: EVENT_LOG_MIGRATIONS });
  await source.initialize();
  try {
    await source.runMigrations();
  } finally {
    await source.destroy();
  }
  return database;
}

/** The log as one process has it. Several on one connection behave as several processes do. */
export function openLog(
  connection: Connection,
  options: Partial<CommitterOptions> = {},
  catalogue: EventCatalogue = TEST_CATALOGUE,
): OpenLog {
  const pool = createLogPool({ ...connection, max: 4 });
  const log = new EventLog(pool, connection, catalogue, options);
  return {
    log,
    pool,
    async close() {
      await log.close();
      await pool.end();
    },
  };
}

/** All events of a stream, which a test has few of. */
export async function wholeStream(log: EventLog, stream: string): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const event of log.read.stream(stream)) events.push(event);
  return events;
}

/** All events after a position, however many pages they are. */
export async function allAfter(
  log: EventLog,
  position: number,
  options: Omit<ReadAfterOptions, 'limit'> = {},
): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for (let hasMore = true; hasMore;) {
    const page = await log.read.after(events.at(-1)?.position ?? position, { ...options, limit: 100_000 });
    events.push(...page.events);
    ({ hasMore } = page);
  }
  return events;
}
