import type { RecordedEvent } from './events.js';

/**
 * The newest events that this process appended, by position. Whoever follows the log closely is served from here and
 * spares the database a read, as long as nobody else has appended in between: positions have no gap, so it is plain
 * whether a range is here as a whole.
 */
export class RecentEvents {
  private readonly byPosition = new Map<number, RecordedEvent>();

  constructor(private readonly capacity: number) {}

  /** Events that have been committed. */
  add(events: readonly RecordedEvent[]): void {
    for (const event of events) this.byPosition.set(event.position, event);
    for (const position of this.byPosition.keys()) {
      if (this.byPosition.size <= this.capacity) break;
      this.byPosition.delete(position);
    }
  }

  /** All events after a position, up to and with another; null where one of them is not here. */
  range(after: number, upTo: number): RecordedEvent[] | null {
    if (upTo - after > this.byPosition.size) return null;
    const events: RecordedEvent[] = [];
    for (let position = after + 1; position <= upTo; position += 1) {
      const event = this.byPosition.get(position);
      if (!event) return null;
      events.push(event);
    }
    return events;
  }
}
