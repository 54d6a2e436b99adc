import type { RecordedEvent } from '../../event-sourcing/event-log/index.js';

/** An event of the chain that led to a state. */
export interface Link {
  readonly position: number;
  /** ISO 8601. */
  readonly recordedAt: string;
  readonly type: string;
  readonly actor: string;
  readonly sentence: string;
}

/** What has to happen before it goes on. */
export interface Blocker {
  readonly reasonCode: string;
  readonly sentence: string;
}

export interface Timer {
  readonly name: string;
  /** ISO 8601. */
  readonly at: string;
}

/** Why something is in the state that it is in. */
export interface Why {
  readonly id: string;
  readonly status: string;
  /** Of its end, or of its last failure; null for what is as it was asked to be. */
  readonly reasonCode: string | null;
  readonly sentence: string;
  /** Oldest first. What changed nothing of its state, such as a command that ran in it, is left out. */
  readonly chain: readonly Link[];
  readonly blockedBy: Blocker | null;
  /** The next thing that happens by itself. */
  readonly nextTimer: Timer | null;
  readonly position: number;
}

export function linkOf({ event, sentence }: { readonly event: RecordedEvent; readonly sentence: string }): Link {
  const { position, recordedAt, type, actor } = event;
  return { position, recordedAt, type, actor, sentence };
}

export function firstOf(timers: readonly (Timer | null)[]): Timer | null {
  const set = timers.filter((timer) => timer !== null);
  return set.reduce<Timer | null>((first, timer) => (first === null || timer.at < first.at ? timer : first), null);
}
