import { accepted, refused, type Decision } from '../../event-sourcing/commands/decision.js';
import type { EnvironmentFacts } from './decide.js';
import type { OnDeadline } from './environment-names.js';
import type { EnvironmentEvent } from './events.js';
import { isDraining, type Cordon, type Environment, type EnvironmentState } from './state.js';

/** What an operator asks for. */
export type CordonWish =
  { readonly kind: 'cordon'; readonly reason: string | null } | { readonly kind: 'uncordon' } | DrainWish;

export interface DrainWish {
  readonly kind: 'drain';
  /** ISO 8601. */
  readonly deadline: string;
  readonly onDeadline: OnDeadline;
  readonly reason: string | null;
}

/**
 * Repeating is no error: what is so already records nothing.
 * @param isEmpty no lease is there, nor anything that is to be cleaned up
 */
export function changeCordon(wish: CordonWish, state: EnvironmentState, isEmpty: boolean): Decision<EnvironmentFacts> {
  if (state.kind !== 'present') return refused('environment_not_found', 'There is no environment with this id.');
  const { environment } = state;
  switch (wish.kind) {
    case 'cordon':
      return facts(isCordoned(environment) ? [] : [{ type: 'EnvironmentCordoned', data: { reason: wish.reason } }]);
    case 'uncordon':
      return facts(environment.cordoned ? [{ type: 'EnvironmentUncordoned', data: {} }] : []);
    case 'drain':
      return facts(drained(wish, environment, isEmpty));
  }
}

/** A quarantine ends by itself: an operator may want another end. */
function isCordoned({ cordoned }: Environment): boolean {
  return cordoned !== null && cordoned.by !== 'quarantine';
}

function drained(
  { deadline, onDeadline, reason }: DrainWish,
  { drain }: Environment,
  isEmpty: boolean,
): EnvironmentEvent[] {
  // Empty already, or asked for in the same words: a time that is not the same moves the deadline.
  if (drain !== null && drain.drainedAt !== null && isEmpty) return [];
  const isSame = drain?.drainedAt === null && drain.deadline === deadline && drain.onDeadline === onDeadline;
  return [
    ...(isSame ? [] : [{ type: 'EnvironmentDrainRequested', data: { deadline, onDeadline, reason } } as const]),
    ...(isEmpty ? [{ type: 'EnvironmentDrained', data: {} } as const] : []),
  ];
}

/** What is recorded once a drain is over; nothing where there is none, or it was cancelled. */
export function endDrain(state: EnvironmentState, isEmpty: boolean): Decision<EnvironmentFacts> {
  return facts(isDraining(state) && isEmpty ? [{ type: 'EnvironmentDrained', data: {} }] : []);
}

/** The deadline of a drain that ends leases at `now` (ISO 8601); null where none does. */
export function drainDeadline(state: EnvironmentState, now: string): string | null {
  if (state.kind !== 'present' || state.environment.drain === null || !isDraining(state)) return null;
  const { deadline, onDeadline } = state.environment.drain;
  return onDeadline === 'release' && deadline <= now ? deadline : null;
}

/** Refuses a new lease. */
export function refusedByCordon({ by, since, reason }: Cordon): Decision<never> {
  const detail = `The environment takes no new leases since ${since}${reason === null ? '' : `: ${reason}`}`;
  const code = by === 'quarantine' ? 'environment_quarantined' : 'environment_cordoned';
  return refused(code, detail.replace(/[^.!?]$/, '$&.'), { by, since, reason });
}

function facts(environment: readonly EnvironmentEvent[]): Decision<EnvironmentFacts> {
  return accepted({ environment, localEnvironment: [] });
}
