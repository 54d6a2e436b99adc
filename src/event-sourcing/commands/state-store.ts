import { LRUCache } from 'lru-cache';
import { UnknownEventError, type EventLog, type Recorded, type RecordedEvent } from '../event-log/index.js';

export interface Fold<State, Event extends { type: string; data: unknown }> {
  readonly initial: State;
  readonly evolve: (state: State, event: Recorded<Event>) => State;
}

/** A state and the version of the stream that it is the fold of. */
export interface Versioned<State> {
  readonly state: State;
  readonly version: number;
}

const MAX_CACHED = 2_000;

/**
 * Streams of one category, folded. States are kept in memory, and a command may decide on a kept one without asking the
 * database, because the append compares the version that it decided on.
 */
export class StateStore<State, Event extends { type: string; data: unknown }> {
  private readonly all = new LRUCache<string, Versioned<State>>({ max: MAX_CACHED });
  /** Of the history that they are states of. */
  private epoch = 0;

  constructor(
    private readonly log: EventLog,
    private readonly fold: Fold<State, Event>,
  ) {}

  /** The state as it was when it was last read or written here; read from the log when that never happened. */
  async known(stream: string): Promise<Versioned<State>> {
    return this.kept.get(stream) ?? (await this.current(stream));
  }

  private get kept(): LRUCache<string, Versioned<State>> {
    if (this.epoch !== this.log.history.epoch) this.all.clear();
    this.epoch = this.log.history.epoch;
    return this.all;
  }

  /** The state as the log has it now. */
  async current(stream: string): Promise<Versioned<State>> {
    const { epoch } = this.log.history;
    const from = this.kept.get(stream) ?? { state: this.fold.initial, version: 0 };
    let current = from;
    for await (const event of this.log.read.stream(stream, { afterVersion: from.version })) {
      current = this.apply(current, event);
    }
    // The log was found to have another history meanwhile.
    if (epoch !== this.log.history.epoch) return this.current(stream);
    if (current !== from) this.kept.set(stream, current);
    return current;
  }

  /** The state at this version or a later one: the one that is known, where it is as new. */
  async atLeast(stream: string, version: number): Promise<Versioned<State>> {
    const kept = this.kept.get(stream);
    return kept && kept.version >= version ? kept : await this.current(stream);
  }

  /** As `atLeast`; null where only a newer release understands the stream. */
  async understood(stream: string, version: number): Promise<Versioned<State> | null> {
    try {
      return await this.atLeast(stream, version);
    } catch (error) {
      if (error instanceof UnknownEventError) return null;
      throw error;
    }
  }

  /**
   * The state as far as this release understands it, at the version that the stream has.
   * @param fresh read it from the log even where it is known
   * @throws UnknownEventError where it understands nothing of it
   */
  async asFarAsUnderstood(stream: string, fresh: boolean): Promise<Versioned<State>> {
    try {
      return await (fresh ? this.current(stream) : this.known(stream));
    } catch (error) {
      if (!(error instanceof UnknownEventError)) throw error;
      let folded = this.nothing;
      let isUnderstood = true;
      for await (const event of this.log.read.stream(stream, { takesNewer: true })) {
        isUnderstood &&= !event.notUnderstood;
        if (folded.version === 0 && !isUnderstood) throw error;
        folded = isUnderstood ? this.apply(folded, event) : { state: folded.state, version: event.version };
      }
      return folded;
    }
  }

  /** The state as it was at a position of the log. */
  async asOf(stream: string, position: number): Promise<State> {
    let folded = this.nothing;
    for await (const event of this.log.read.stream(stream, { upTo: position })) folded = this.apply(folded, event);
    return folded.state;
  }

  /**
   * The states of several streams as they were at a position, by stream; the initial one for a stream that was not there.
   * One of which only a newer release understands all is as it was before that, as in the read models.
   */
  async manyAsOf(streams: readonly string[], position: number): Promise<(stream: string) => State> {
    const understood = async (stream: string): Promise<[string, State]> => {
      let folded = this.nothing;
      for await (const event of this.log.read.stream(stream, { upTo: position, takesNewer: true })) {
        if (event.notUnderstood) break;
        folded = this.apply(folded, event);
      }
      return [stream, folded.state];
    };
    const states = new Map(await Promise.all(streams.map(understood)));
    return (stream) => states.get(stream) ?? this.fold.initial;
  }

  /** The state as it was after a number of events of the stream. */
  async atVersion(stream: string, version: number): Promise<State> {
    let folded = this.nothing;
    for await (const event of this.log.read.stream(stream, { takesNewer: true })) {
      if (event.version > version) break;
      if (event.notUnderstood) throw new UnknownEventError(event);
      folded = this.apply(folded, event);
    }
    return folded.state;
  }

  /** The state after events that were just appended to the stream, which is kept from now on. */
  advance(stream: string, from: Versioned<State>, events: readonly RecordedEvent[]): Versioned<State> {
    const own = events.filter((event) => event.stream === stream);
    const next = own.reduce<Versioned<State>>((before, event) => this.apply(before, event), from);
    const kept = this.kept.get(stream);
    if (!kept || kept.version < next.version) this.kept.set(stream, next);
    return next;
  }

  /** For a stream that is not likely to be asked for again. */
  forget(stream: string): void {
    this.kept.delete(stream);
  }

  private get nothing(): Versioned<State> {
    return { state: this.fold.initial, version: 0 };
  }

  private apply({ state }: Versioned<State>, event: RecordedEvent): Versioned<State> {
    return { state: this.fold.evolve(state, event as Recorded<Event>), version: event.version };
  }
}
