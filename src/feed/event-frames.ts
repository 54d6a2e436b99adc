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

/**
 * Each event's frame of an SSE stream, made once for all readers of a page. They go with the page: kept as long as the
 * events, which wait in memory for who is behind, the collector would copy them again and again.
 */
export class EventFrames {
  private readonly made = [new WeakMap<Page, string[]>(), new WeakMap<Page, string[]>()] as const;

  /** @param page the very array that others get too */
  of(page: Page, place: number, seesConfig: boolean): string {
    const frames = this.ofPage(page, seesConfig);
    return (frames[place] ??= frame(page[place] as RecordedEvent, seesConfig));
  }

  private ofPage(page: Page, seesConfig: boolean): string[] {
    const made = this.made[seesConfig ? 1 : 0];
    const known = made.get(page);
    if (known) return known;
    const frames: string[] = [];
    made.set(page, frames);
    return frames;
  }
}

type Page = readonly RecordedEvent[];

function frame(event: RecordedEvent, seesConfig: boolean): string {
  return `id: ${event.position}\nevent: ${event.type}\ndata: ${JSON.stringify(feedEvent(event, seesConfig))}\n\n`;
}
