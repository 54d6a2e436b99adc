import type { PoolClient } from 'pg';
import type { EventLog } from '../event-log/index.js';
import { unbounded } from '../postgres/index.js';
import type { OwnerTurn } from '../subscriptions/index.js';
import { foldInto, type Projection } from './projection.js';
import type { ReadModelTable } from './read-model-table.js';

export interface Filling<Row extends object> {
  readonly projection: Projection<Row>;
  readonly table: ReadModelTable<Row>;
  /** Told how much of the log is in the table, from 0 to 1. */
  readonly progress: (part: number) => void;
}

/**
 * Fills an empty table with all that the log holds up to a position, in one transaction, which ends at that checkpoint.
 *
 * Stream by stream, not by position: so each row is written once, as it is at last, and none has to be read back. The
 * indexes are made at the end. Nobody reads the table yet, and if the process ends, nothing of it is left.
 */
export async function fill<Row extends object>(
  log: EventLog,
  turn: OwnerTurn,
  upTo: number,
  { projection, table, progress }: Filling<Row>,
): Promise<void> {
  await turn.commit(async ({ client }) => {
    // It is empty. A Postgres that nobody replicates from need not log what is written to a table that began here.
    await client.query(`TRUNCATE ${client.escapeIdentifier(table.name)}`);
    const indexes = await dropIndexes(client, table.name);
    let seen = 0;
    /** Of the last stream of a page, which may go on in the next. */
    let rows = new Map<string, Row | null>();
    /** A page is written while the next one is folded. */
    let writing = Promise.resolve();
    for await (const events of log.read.inStreamOrder({ upTo, types: projection.types })) {
      turn.signal.throwIfAborted();
      foldInto(projection, rows, events);
      const last = projection.keyOf(events.at(-1) ?? never());
      const rest = last === null ? new Map<string, Row | null>() : new Map([[last, rows.get(last) ?? null]]);
      if (last !== null) rows.delete(last);
      await writing;
      writing = table.write(client, rows);
      // A failure counts when its turn comes.
      writing.catch(() => undefined);
      rows = rest;
      seen += events.length;
      progress(seen / upTo);
    }
    await writing;
    await table.write(client, rows);
    for (const index of indexes) await client.query(unbounded(index));
    return upTo;
  });
}

function never(): never {
  throw new Error('A page of events is never empty.');
}

/** Those that only make queries faster. @returns the statements that make them again */
async function dropIndexes(client: PoolClient, table: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string; definition: string }>(
    `SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
       FROM pg_index WHERE indrelid = $1::regclass AND NOT indisunique`,
    [client.escapeIdentifier(table)],
  );
  for (const { name } of rows) await client.query(`DROP INDEX ${name}`);
  return rows.map(({ definition }) => definition);
}
