import { LRUCache } from 'lru-cache';
import { sizeOf } from './event-size.js';
import type { RecordedEvent } from './events.js';

export interface RecentEventsOptions {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/**
 * The newest events that this process appended, by position. Whoever follows the log closely is served from here and
 * spares the database a read, as long as nobody else has appended in between: positions have no gap, so it is plain
 * whether a range is here as a whole.
 */
export class RecentEvents {
  /** What came first goes first: reads do not renew. An event larger than all that may be kept is not kept. */
  private readonly kept: LRUCache<number, RecordedEvent>;

  constructor(private readonly options: RecentEventsOptions) {
    const { maxEvents: max, maxBytes: maxSize } = options;
    this.kept = new LRUCache({ max, maxSize, sizeCalculation: sizeOf });
  }

  /** Events that have been committed. */
  add(events: readonly RecordedEvent[]): void {
    for (const event of events) this.kept.set(event.position, event);
  }

  clear(): void {
    this.kept.clear();
  }

  /** All events after a position, up to and with another; null where one of them is not here. */
  range(after: number, upTo: number): RecordedEvent[] | null {
    if (upTo - after > this.options.maxEvents) return null;
    const events: RecordedEvent[] = [];
    for (let position = after + 1; position <= upTo; position += 1) {
      const event = this.kept.peek(position);
      if (!event) return null;
      events.push(event);
    }
    return events;
  }
}
