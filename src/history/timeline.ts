import type { RecordedEvent } from '../event-log/index.js';
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

export function stepsOf<State, Json extends object>(
  { initial, evolve, seen, sentence }: Subject<State, Json>,
  events: readonly RecordedEvent[],
): Step<Json>[] {
  let state = initial;
  let after = seen(state);
  return events.map((event) => {
    const before = after;
    state = evolve(state, event);
    after = seen(state);
    return { event, sentence: sentence(event), before, after };
  });
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

/** @param steps of one stream, from its first event on */
export function timelineOf<Json extends object>(steps: readonly Step<Json>[]): TimelineItem[] {
  const byId = new Map(steps.map(({ event }) => [event.id, event]));
  return steps.map(({ event, sentence, before, after }) => {
    const { position, version, recordedAt, type, actor } = event;
    const changes = timelineChanges(before, after);
    return { position, version, recordedAt, type, actor, causedBy: causeOf(event, byId), sentence, changes };
  });
}

function causeOf(event: RecordedEvent, known: ReadonlyMap<string, RecordedEvent>): Cause {
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
