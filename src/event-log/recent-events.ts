import type { RecordedEvent } from './events.js';

/**
 * The newest events that this process appended, by position. Whoever follows the log closely is served from here and
 * spares the database a read, as long as nobody else has appended in between: positions have no gap, so it is plain
 * whether a range is here as a whole.
 */
export class RecentEvents {
  /** Each at its position's place in a ring, where it stays until a later one comes to the same. */
  private readonly ring: (RecordedEvent | undefined)[];

  constructor(private readonly capacity: number) {
    this.ring = new Array<undefined>(capacity).fill(undefined);
  }

  /** Events that have been committed. */
  add(events: readonly RecordedEvent[]): void {
    for (const event of events) {
      const place = event.position % this.capacity;
      // What was committed earlier may be told of later.
      if ((this.ring[place]?.position ?? 0) < event.position) this.ring[place] = event;
    }
  }

  clear(): void {
    this.ring.fill(undefined);
  }

  /** All events after a position, up to and with another; null where one of them is not here. */
  range(after: number, upTo: number): RecordedEvent[] | null {
    if (upTo - after > this.capacity) return null;
    const events: RecordedEvent[] = [];
    for (let position = after + 1; position <= upTo; position += 1) {
      const event = this.ring[position % this.capacity];
      if (event?.position !== position) return null;
      events.push(event);
    }
    return events;
  }
}
