import { LRUCache } from 'lru-cache';
import type { EventLog, RecordedEvent } from '../../../event-sourcing/event-log/index.js';
import type { LeaseOrigin } from '../../feed/feed-selection.js';
import { leaseIdOf, leaseStream } from '../../../domain/leases/events.js';

/** As a size, with which room is made when it is needed: `max` would make it at each start. */
const MAX_KEPT = 50_000;

/** Which environment and run leases belong to. Neither ever changes, so it may be kept; and not all of it need be. */
export class LeaseOrigins {
  private readonly kept = new LRUCache<string, LeaseOrigin>({ maxSize: MAX_KEPT, sizeCalculation: () => 1 });

  constructor(private readonly log: EventLog) {}

  /** The ids of leases that events are about, with where they belong. */
  async of(events: readonly RecordedEvent[]): Promise<Map<string, LeaseOrigin>> {
    for (const event of events) this.note(event);
    const origins = new Map<string, LeaseOrigin>();
    await Promise.all(
      [...new Set(events.map(({ stream }) => stream))].map(async (stream) => {
        if (!stream.startsWith(leaseStream(''))) return;
        if (!this.kept.has(stream)) {
          for await (const first of this.log.read.stream(stream)) {
            this.note(first);
            break;
          }
        }
        const origin = this.kept.get(stream);
        if (origin) origins.set(leaseIdOf(stream), origin);
      }),
    );
    return origins;
  }

  private note({ type, stream, data }: RecordedEvent): void {
    if (type !== 'LeaseRequested') return;
    const { environmentId, heartbeatRunId } = data as LeaseOrigin;
    this.kept.set(stream, { environmentId, heartbeatRunId });
  }
}
