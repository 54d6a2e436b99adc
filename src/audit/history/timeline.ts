import { sizeOfValue, type RecordedEvent } from '../../event-sourcing/event-log/index.js';
import { changesBetween, type Change } from './changes.js';

/** An event, and what it made of what a caller sees. */
export interface Step<Json extends object> {
  readonly event: RecordedEvent;
  readonly sentence: string;
  /** Null: there is nothing (yet, or any more). */
  readonly before: Json | null;
  readonly after: Json | null;
}

/** How the events of a stream fold, what a caller sees of a state, and what an event says to a person. */
export interface Subject<State, Json extends object> {
  readonly initial: State;
  readonly evolve: (state: State, event: RecordedEvent) => State;
  readonly seen: (state: State) => Json | null;
  readonly sentence: (event: RecordedEvent) => string;
}

/** Folds the events of a stream, one after another. */
export class Folding<State, Json extends object> {
  state: State;
  private after: Json | null;

  constructor(private readonly subject: Subject<State, Json>) {
    this.state = subject.initial;
    this.after = subject.seen(this.state);
  }

  step(event: RecordedEvent): Step<Json> {
    const before = this.after;
    this.state = this.subject.evolve(this.state, event);
    this.after = this.subject.seen(this.state);
    return { event, sentence: this.subject.sentence(event), before, after: this.after };
  }
}

export function stepsOf<State, Json extends object>(
  subject: Subject<State, Json>,
  events: readonly RecordedEvent[],
): Step<Json>[] {
  const folding = new Folding(subject);
  return events.map((event) => folding.step(event));
}

/** What led to an event. */
export interface Cause {
  /** The id of the request that set it in motion; `X-Request-Id` of its answer. */
  readonly requestId: string | null;
  /** The event that led to it; null where it was a request itself. */
  readonly event: { readonly id: string; readonly position: number | null; readonly type: string | null } | null;
  /** The job of a worker that recorded it, and which attempt; null for all others. */
  readonly job: { readonly effectId: string; readonly attempt: number | null } | null;
}

export interface TimelineItem {
  readonly position: number;
  readonly version: number;
  /** ISO 8601. */
  readonly recordedAt: string;
  readonly type: string;
  readonly actor: string;
  readonly causedBy: Cause;
  readonly sentence: string;
  /** But for `version`, `position` and `updatedAt`, which every event changes and which it says itself. */
  readonly changes: readonly Change[];
}

const TOLD_BY_THE_EVENT: readonly string[] = ['version', 'position', 'updatedAt'];

/** What an event has changed, but for what every event changes and says itself. */
export function timelineChanges(before: object | null, after: object | null): Change[] {
  return changesBetween(before, after).filter(({ field }) => !TOLD_BY_THE_EVENT.includes(field));
}

/** With the item that reaches it, a page ends, however few items it has. */
const PAGE_BYTES = 4 * 1024 * 1024;

/** The items of one page, of a stream whose steps it is told from the first one on. */
export class TimelineItems {
  readonly found: TimelineItem[] = [];
  hasMore = false;
  private bytes = 0;
  private readonly known = new Map<string, Pick<RecordedEvent, 'position' | 'type'>>();

  constructor(
    private readonly afterPosition: number,
    private readonly limit: number,
  ) {}

  add({ event, sentence, before, after }: Step<object>): void {
    const { id, position, version, recordedAt, type, actor } = event;
    this.known.set(id, { position, type });
    if (position <= this.afterPosition) return;
    this.hasMore ||= this.found.length === this.limit || this.bytes >= PAGE_BYTES;
    if (this.hasMore) return;
    const changes = timelineChanges(before, after);
    const causedBy = causeOf(event, this.known);
    this.found.push({ position, version, recordedAt, type, actor, causedBy, sentence, changes });
    this.bytes += sizeOfValue(changes);
  }
}

function causeOf(event: RecordedEvent, known: ReadonlyMap<string, Pick<RecordedEvent, 'position' | 'type'>>): Cause {
  const { correlationId, causationId, data } = event;
  const cause = causationId === null ? null : known.get(causationId);
  const { effectId, attempt } = data as { readonly effectId?: unknown; readonly attempt?: unknown };
  return {
    requestId: correlationId,
    event:
      causationId === null ? null : { id: causationId, position: cause?.position ?? null, type: cause?.type ?? null },
    job:
      typeof effectId === 'string' && causationId !== null
        ? { effectId, attempt: typeof attempt === 'number' ? attempt : null }
        : null,
  };
}
