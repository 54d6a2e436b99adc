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
    const keys = new Set<string>();
    for (const event of events) {
      const key = this.projection.keyOf(event);
      if (key !== null) keys.add(key);
    }
    if (keys.size === 0) return;
    const before = await this.table.load(client, [...keys]);
    const rows = new Map<string, Row | null>(before);
    foldInto(this.projection, rows, events);
    for (const [key, row] of rows) if (row === before.get(key)) rows.delete(key);
    await this.table.write(client, rows);
  }
}
