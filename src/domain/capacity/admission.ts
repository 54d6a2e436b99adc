import { meanHold } from './evolve-pool.js';
import { capOf, guaranteeOf } from './policy.js';
import { headOf, SLOT, type Company, type Pool, type Request } from './pool.js';

/** Changes with the rule below, so that a recorded decision can be read by the rule that it was made by. */
const POLICY_VERSION = 1;
/** Companies that a decision is recorded with; there may be hundreds. */
const SHOWN = 20;

/**
 * Why a request was chosen. `overdue`: its company waited too long below its target. `guarantee`: its company has fewer
 * slots than it is guaranteed. `share`: its company is owed the most.
 */
export type AdmissionRule = 'overdue' | 'guarantee' | 'share';

/** How things stood, recorded with the admission: enough to follow the choice. */
export interface AdmissionDecision {
  readonly policyVersion: number;
  readonly rule: AdmissionRule;
  readonly capacity: number;
  /** Slots taken before. */
  readonly held: number;
  /** Milliseconds. */
  readonly meanHold: number;
  /** The companies that could have been chosen, the chosen one first, then as they would have followed. */
  readonly companies: readonly Contender[];
  /** Those that are not shown. */
  readonly moreCompanies: number;
}

export interface Contender {
  readonly companyId: string;
  readonly held: number;
  readonly waiting: number;
  /** Thousandths of a slot. */
  readonly target: number;
  /** Thousandths of a slot, times milliseconds. */
  readonly credit: number;
}

export interface Admission {
  readonly request: Request;
  readonly decision: AdmissionDecision;
}

interface Candidate {
  readonly companyId: string;
  readonly company: Company;
  readonly head: Request;
  readonly rule: AdmissionRule;
  readonly score: number;
}

/**
 * Who gets a free slot; null where there is none, or nobody who could use it. A pure function of the pool as it is at its
 * own time: decided again from the same events, it chooses the same.
 *
 * 1. A company that has waited below its target for `overdueAfterSeconds` without being given a slot, longest first.
 * 2. A company that has fewer slots than it is guaranteed.
 * 3. The company with the greatest credit / mean hold + target − held.
 *
 * Equal ones in turn. Of the company, the request that goes first by priority and age.
 */
export function nextAdmission(pool: Pool): Admission | null {
  if (pool.held >= pool.policy.capacity) return null;
  const candidates = candidatesOf(pool);
  const [chosen] = candidates;
  if (chosen === undefined) return null;
  const companies = candidates.slice(0, SHOWN).map(({ companyId, company }) => ({
    companyId,
    held: company.holds.size,
    waiting: company.eligible,
    target: company.target,
    credit: company.credit,
  }));
  return {
    request: chosen.head,
    decision: {
      policyVersion: POLICY_VERSION,
      rule: chosen.rule,
      capacity: pool.policy.capacity,
      held: pool.held,
      meanHold: meanHold(pool),
      companies,
      moreCompanies: candidates.length - companies.length,
    },
  };
}

/** The companies that could be given a slot, in the order in which they are. */
function candidatesOf(pool: Pool): Candidate[] {
  const hold = meanHold(pool);
  const candidates: Candidate[] = [];
  for (const [companyId, company] of pool.companies) {
    const head = headOf(pool, companyId, company);
    if (head === null || company.holds.size >= capOf(pool.policy, companyId)) continue;
    const score = company.credit + (company.target - company.holds.size * SLOT) * hold;
    candidates.push({ companyId, company, head, rule: ruleFor(pool, companyId, company), score });
  }
  return candidates.sort(byOrder);
}

function ruleFor({ policy, at }: Pool, companyId: string, { belowSince, holds }: Company): AdmissionRule {
  if (belowSince !== null && at - belowSince > policy.overdueAfterSeconds * 1_000) return 'overdue';
  return holds.size < guaranteeOf(policy, companyId) ? 'guarantee' : 'share';
}

const RULES: readonly AdmissionRule[] = ['overdue', 'guarantee', 'share'];

function byOrder(one: Candidate, other: Candidate): number {
  if (one.rule !== other.rule) return RULES.indexOf(one.rule) - RULES.indexOf(other.rule);
  if (one.rule === 'overdue') {
    const since = (one.company.belowSince ?? 0) - (other.company.belowSince ?? 0);
    if (since !== 0) return since;
  }
  return other.score - one.score || one.company.turn - other.company.turn;
}
