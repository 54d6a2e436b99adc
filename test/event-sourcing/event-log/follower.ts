import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventLog, RecordedEvent } from '../../../src/event-sourcing/event-log/index.js';

/**
 * Reads `position > last` all the time, as a subscription does. It stops at the first gap: what a read passes over is
 * never asked for again.
 */
export class Follower {
  readonly seen: RecordedEvent[] = [];
  private stopped = false;
  private readonly done: Promise<void>;

  constructor(
    private readonly log: EventLog,
    private readonly base: number,
  ) {
    this.done = this.follow();
    // It is awaited in `stop`; until then a failure must not end the process.
    this.done.catch(() => undefined);
  }

  get position(): number {
    return this.base + this.seen.length;
  }

  /** Reads until nothing is left. @throws when a read had a gap */
  async stop(): Promise<readonly RecordedEvent[]> {
    this.stopped = true;
    await this.done;
    return this.seen;
  }

  private async follow(): Promise<void> {
    for (let turn = 0; ; turn += 1) {
      const last = this.stopped;
      const { events } = await this.log.read.after(this.position, { limit: turn % 2 === 0 ? 1_000 : 7 });
      for (const event of events) {
        if (event.position !== this.position + 1) {
          throw new Error(`The follower stood at ${this.position} and read ${event.position}: it has missed events.`);
        }
        this.seen.push(event);
      }
      if (last && events.length === 0) return;
      await nextTurn();
    }
  }
}
