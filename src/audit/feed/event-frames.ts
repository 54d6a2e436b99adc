import type { RecordedEvent } from '../../event-sourcing/event-log/index.js';
import { portableData } from '../history/portable-data.js';

/** An event as the feed gives it: as the log has it, without what only drivers need. */
export type FeedEvent = RecordedEvent;

/** @param seesConfig whether the reader may see the configs of environments */
export function feedEvent(event: RecordedEvent, seesConfig: boolean): FeedEvent {
  const { position, stream, version, id, type, schemaVersion, companyId, actor } = event;
  const { correlationId, causationId, recordedAt } = event;
  // One literal: of two that are spread into each other it would take ten times the time, for each event.
  const given: FeedEvent = {
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
  return event.notUnderstood ? { ...given, notUnderstood: true } : given;
}

type Page = readonly RecordedEvent[];

/** The frames of an SSE stream of some events, each made when it is first asked for. */
export class PageFrames {
  private readonly made: string[] = [];

  constructor(
    readonly page: Page,
    private readonly seesConfig: boolean,
  ) {}

  at(place: number): string {
    return (this.made[place] ??= frame(this.page[place] as RecordedEvent, this.seesConfig));
  }
}

/**
 * Frames that are made once for all readers of a page, who are told of it one after another. They go when the next page
 * comes: kept as long as the events, which wait in memory for who is behind, the collector would copy them again and again.
 */
export class SharedFrames {
  private readonly last: { hiding: PageFrames | null; showing: PageFrames | null } = { hiding: null, showing: null };

  /** @param page the very array that others get too */
  of(page: Page, seesConfig: boolean): PageFrames {
    const kind = seesConfig ? 'showing' : 'hiding';
    const last = this.last[kind];
    return last?.page === page ? last : (this.last[kind] = new PageFrames(page, seesConfig));
  }
}

function frame(event: RecordedEvent, seesConfig: boolean): string {
  return `id: ${event.position}\nevent: ${event.type}\ndata: ${JSON.stringify(feedEvent(event, seesConfig))}\n\n`;
}
