import { accepted, refused, type Decision } from '../../event-sourcing/commands/decision.js';
import type { EnvironmentFacts } from './decide.js';
import type { EnvironmentEvent } from './events.js';
import type { Cordon, EnvironmentState } from './state.js';

/** What an operator asks for. */
export type CordonWish = { readonly kind: 'cordon'; readonly reason: string | null } | { readonly kind: 'uncordon' };

/** Repeating is no error: what is so already records nothing. */
export function changeCordon(wish: CordonWish, state: EnvironmentState): Decision<EnvironmentFacts> {
  if (state.kind !== 'present') return refused('environment_not_found', 'There is no environment with this id.');
  const { cordoned } = state.environment;
  switch (wish.kind) {
    case 'cordon':
      return facts(cordoned ? [] : [{ type: 'EnvironmentCordoned', data: { reason: wish.reason } }]);
    case 'uncordon':
      return facts(cordoned ? [{ type: 'EnvironmentUncordoned', data: {} }] : []);
  }
}

/** Refuses a new lease. */
export function refusedByCordon({ by, since, reason }: Cordon): Decision<never> {
  const detail = `The environment takes no new leases since ${since}${reason === null ? '' : `: ${reason}`}`;
  return refused('environment_cordoned', detail.replace(/[^.!?]$/, '$&.'), { by, since, reason });
}

function facts(environment: readonly EnvironmentEvent[]): Decision<EnvironmentFacts> {
  return accepted({ environment, localEnvironment: [] });
}
