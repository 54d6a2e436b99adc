import type { LogTransaction, RecordedEvent } from '../event-log/index.js';
import { foldInto, type Projection } from './projection.js';
import type { ReadModelTable } from './read-model-table.js';

/** Folds batches of events into a table: one query for the rows, one statement to write those that changed. */
export class Projector<Row extends object> {
  constructor(
    private readonly projection: Projection<Row>,
    private readonly table: ReadModelTable<Row>,
  ) {}

  async handle(events: readonly RecordedEvent[], { client }: LogTransaction): Promise<void> {
    /** The first event of each row in this batch. */
    const first = new Map<string, RecordedEvent>();
    for (const event of events) {
      const key = this.projection.keyOf(event);
      if (key !== null && !first.has(key)) first.set(key, event);
    }
    if (first.size === 0) return;
    // A row that begins in this batch need not be looked for.
    const known = [...first].filter(([, event]) => event.version > 1).map(([key]) => key);
    const before = known.length > 0 ? await this.table.load(client, known) : new Map<string, Row>();
    const rows = new Map<string, Row | null>(before);
    foldInto(this.projection, rows, events);
    for (const [key, row] of rows) if (row === before.get(key)) rows.delete(key);
    await this.table.write(client, rows);
  }
}
