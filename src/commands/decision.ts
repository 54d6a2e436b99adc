import { LeaseholdError, type ErrorCode, type ErrorFacts } from '../errors/catalogue.js';

/** What a decider answers: facts to record (none when there is nothing to do), or why the command is refused. */
export type Decision<Event> =
  | { readonly kind: 'accepted'; readonly events: readonly Event[] }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly detail: string; readonly facts: ErrorFacts };

export function accepted<Event>(...events: Event[]): Decision<Event> {
  return { kind: 'accepted', events };
}

export function refused(code: ErrorCode, detail: string, facts: ErrorFacts = {}): Decision<never> {
  return { kind: 'refused', code, detail, facts };
}

/** The events of a decision. @throws LeaseholdError when it is a refusal. */
export function eventsOf<Event>(decision: Decision<Event>): readonly Event[] {
  if (decision.kind === 'refused') throw new LeaseholdError(decision.code, decision.detail, decision.facts);
  return decision.events;
}
