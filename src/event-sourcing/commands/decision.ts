import { LeaseholdError, type ErrorCode, type ErrorFacts } from '../../errors/catalogue.js';

/** What a decider answers: the facts to record (none when there is nothing to do), or why the command is refused. */
export type Decision<Facts> =
  | { readonly kind: 'accepted'; readonly facts: Facts }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly detail: string; readonly errorFacts: ErrorFacts };

export function accepted<Facts>(facts: Facts): Decision<Facts> {
  return { kind: 'accepted', facts };
}

export function refused(code: ErrorCode, detail: string, errorFacts: ErrorFacts = {}): Decision<never> {
  return { kind: 'refused', code, detail, errorFacts };
}

/** What was decided. @throws LeaseholdError when it is a refusal. */
export function factsOf<Facts>(decision: Decision<Facts>): Facts {
  if (decision.kind === 'refused') throw new LeaseholdError(decision.code, decision.detail, decision.errorFacts);
  return decision.facts;
}
