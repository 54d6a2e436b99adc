import { canonicalJson } from '../../event-sourcing/commands/canonical-json.js';
import { accepted, refused, type Decision } from '../../event-sourcing/commands/decision.js';
import type { LeaseWish } from './decide.js';
import type { Lease, LeaseState } from './state.js';

/** What a caller asks for; its `environmentId` null: the company's local environment. */
export type AnyWish = Omit<LeaseWish, 'environmentId'> & { readonly environmentId: string | null };

/**
 * The lease that a caller asks for by an id of its own: null where nobody has the id yet. Another company's is refused like
 * one on other terms, so that nothing is learnt of it.
 */
export function leaseOfOwnId(state: LeaseState, companyId: string, wish: AnyWish): Decision<Lease | null> {
  if (state === null) return accepted(null);
  if (state.companyId === companyId && hasTerms(state, wish)) return accepted(state);
  return refused('lease_id_taken', 'Another lease has this id.');
}

function hasTerms({ terms }: Lease, { environmentId, ...wish }: AnyWish): boolean {
  // A company has one local environment at a time.
  const isThere = environmentId === null ? terms.driver === 'local' : terms.environmentId === environmentId;
  const { environmentId: _environmentId, driver: _driver, provider: _provider, ...asked } = terms;
  return isThere && canonicalJson(asked) === canonicalJson(wish);
}
