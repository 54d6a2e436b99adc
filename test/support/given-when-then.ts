import { expect } from '@jest/globals';
import type { Decision } from '../../src/event-sourcing/commands/decision.js';
import type { Fold } from '../../src/event-sourcing/commands/state-store.js';
import type { ErrorCode, ErrorFacts } from '../../src/errors/catalogue.js';
import type { EventDefinition } from '../../src/event-sourcing/event-log/event-catalogue.js';
import type { Recorded } from '../../src/event-sourcing/event-log/events.js';
import { schemaProblems } from '../frozen-events/schema-problems.js';

export interface AnyEvent {
  readonly type: string;
  readonly data: object;
}

/** What is specified: a fold, and where and in which shape its events are stored. */
export interface Subject<State, Event extends AnyEvent> extends Fold<State, Event> {
  readonly companyId: string;
  readonly definitions: readonly EventDefinition[];
  readonly streamOf: (event: Event) => string;
}

/** A refusal as a spec expects it: its code and what it tells beside its sentence. */
export type Refusal = { readonly refused: ErrorCode } & ErrorFacts;

/** The recorder's first event has this position, so that a position is never taken for a version. */
export const FIRST_POSITION = 101;

/** ISO 8601 time, that many seconds after the recorder's first event. */
export function at(seconds: number): string {
  return new Date(Date.UTC(2026, 0, 1) + Math.round(seconds * 1000)).toISOString();
}

/** Records events as the log does, but always alike: one after another, a second apart. */
export class Recorder<Event extends AnyEvent> {
  private readonly versions = new Map<string, number>();
  private recorded = 0;

  constructor(private readonly subject: Pick<Subject<unknown, Event>, 'companyId' | 'definitions' | 'streamOf'>) {}

  record(event: Event): Recorded<Event> {
    const { companyId, definitions, streamOf } = this.subject;
    const stream = streamOf(event);
    const version = (this.versions.get(stream) ?? 0) + 1;
    const position = FIRST_POSITION + this.recorded;
    const recordedAt = at(this.recorded);
    this.versions.set(stream, version);
    this.recorded += 1;
    return {
      position,
      stream,
      version,
      id: `e0000000-0000-7000-8000-${String(position).padStart(12, '0')}`,
      schemaVersion: definitions.find(({ type }) => type === event.type)?.schemaVersion ?? 0,
      companyId,
      actor: 'operator:spec',
      correlationId: null,
      causationId: null,
      recordedAt,
      ...event,
    };
  }
}

/** What is given, as far as it has come; what a caller wants next is decided on it. */
export interface Given<State, Event extends AnyEvent> {
  /** After the events. */
  readonly state: State;
  when(decide: Decide<State, Event>): When<State, Event>;
}

export interface When<State, Event extends AnyEvent> {
  /** Compares what is decided with what is expected. */
  then(expected: readonly Event[] | Refusal): Then<State, Event>;
}

export interface Then<State, Event extends AnyEvent> extends Given<State, Event> {
  /** The same command once more, after what it led to. */
  readonly again: When<State, Event>;
}

type Decide<State, Event> = (state: State) => Decision<readonly Event[]>;

/**
 * `given(events).when(decide).then(events or refusal)`. Whatever a spec is about, it also checks that neither decider nor
 * fold writes into what it is given, and that what was decided may be stored.
 */
export function specification<State, Event extends AnyEvent>(
  subject: Subject<State, Event>,
): (events: readonly Event[]) => Given<State, Event> {
  return (events) => {
    const recorder = new Recorder<Event>(subject);
    return given(subject, recorder, folded(subject, recorder, subject.initial, events));
  };
}

function given<State, Event extends AnyEvent>(
  subject: Subject<State, Event>,
  recorder: Recorder<Event>,
  state: State,
): Given<State, Event> {
  return { state, when: (decide) => when(subject, recorder, state, decide) };
}

function when<State, Event extends AnyEvent>(
  subject: Subject<State, Event>,
  recorder: Recorder<Event>,
  before: State,
  decide: Decide<State, Event>,
): When<State, Event> {
  function then(expected: readonly Event[] | Refusal): Then<State, Event> {
    try {
      const decision = decide(before);
      expect(readable(decision)).toStrictEqual(expected);
      const events = decision.kind === 'accepted' ? decision.facts : [];
      expect(schemaProblems(subject.definitions, events)).toStrictEqual([]);
      const after = folded(subject, recorder, before, events);
      return { ...given(subject, recorder, after), again: when(subject, recorder, after, decide) };
    } catch (error) {
      // Without the frames of this file, so that a failure points at the line of the spec.
      if (typeof error === 'object' && error !== null) Error.captureStackTrace(error, then);
      throw error;
    }
  }
  return { then };
}

/** What a decision is, without the sentence that goes with a refusal. */
export function readable<Facts>(decision: Decision<Facts>): Facts | Refusal {
  return decision.kind === 'accepted' ? decision.facts : { refused: decision.code, ...decision.errorFacts };
}

function folded<State, Event extends AnyEvent>(
  { evolve }: Fold<State, Event>,
  recorder: Recorder<Event>,
  from: State,
  events: readonly Event[],
): State {
  return events.reduce((state, event) => deepFreeze(evolve(state, deepFreeze(recorder.record(event)))), from);
}

/** Freezes a JSON value and all that it holds: writing to it then throws. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
