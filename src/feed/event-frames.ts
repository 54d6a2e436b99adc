import type { RecordedEvent } from '../event-log/index.js';
import { portableData } from '../history/bundle.js';

/** An event as the feed gives it: as the log has it, without what only drivers need. */
export type FeedEvent = RecordedEvent;

/** @param seesConfig whether the reader may see the configs of environments */
export function feedEvent(event: RecordedEvent, seesConfig: boolean): FeedEvent {
  const { position, stream, version, id, type, schemaVersion, companyId, actor } = event;
  const { correlationId, causationId, recordedAt } = event;
  // One literal: of two that are spread into each other it would take ten times the time, for each event.
  return {
    position,
    stream,
    version,
    id,
    type,
    schemaVersion,
    companyId,
    actor,
    correlationId,
    causationId,
    recordedAt,
    data: portableData(event, seesConfig),
  };
}

/** Each event's frame of an SSE stream, made once for all its readers. */
export class EventFrames {
  private readonly made = [new WeakMap<RecordedEvent, string>(), new WeakMap<RecordedEvent, string>()] as const;

  of(event: RecordedEvent, seesConfig: boolean): string {
    const made = this.made[seesConfig ? 1 : 0];
    const known = made.get(event);
    if (known !== undefined) return known;
    const { position, type } = event;
    const frame = `id: ${position}\nevent: ${type}\ndata: ${JSON.stringify(feedEvent(event, seesConfig))}\n\n`;
    made.set(event, frame);
    return frame;
  }
}
