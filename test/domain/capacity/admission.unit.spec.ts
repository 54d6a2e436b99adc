import { describe, expect, it } from '@jest/globals';
import { nextAdmission } from '../../../src/domain/capacity/admission.js';
import { evolvePool, type PoolChange } from '../../../src/domain/capacity/evolve-pool.js';
import type { PoolPolicy } from '../../../src/domain/capacity/policy.js';
import { emptyPool, type Pool } from '../../../src/domain/capacity/pool.js';
import { policyOf, requestOf, type Wish } from './simulation.js';

/** Requests in the order in which they come, the first as `lease-1`; then what else happens. */
function given(policy: PoolPolicy, wishes: readonly Wish[], ...changes: readonly PoolChange[]): Pool {
  const requests = wishes.map((wish, index): PoolChange => {
    return { kind: 'requested', at: wish.at * 1000, request: requestOf(wish, index + 1) };
  });
  return [...requests, ...changes].reduce(evolvePool, emptyPool(policy));
}

/** Those that are admitted while there are slots, with the rule that chose each. */
function admitted(start: Pool): string[] {
  const chosen: string[] = [];
  let pool = start;
  for (let next = nextAdmission(pool); next !== null; next = nextAdmission(pool)) {
    chosen.push(`${next.request.leaseId} by ${next.decision.rule}`);
    pool = evolvePool(pool, { kind: 'admitted', at: pool.at, request: next.request });
  }
  return chosen;
}

const wish = (at: number, company = 'a', more: Partial<Wish> = {}): Wish => ({ at, company, hold: 600, ...more });

describe('who gets a free slot', () => {
  it('inside a company: priority, then age', () => {
    const wishes = [
      wish(0),
      wish(1, 'a', { priority: 2 }),
      wish(2, 'a', { priority: 2 }),
      wish(3, 'a', { priority: 1 }),
    ];
    const order = ['lease-2 by share', 'lease-3 by share', 'lease-4 by share', 'lease-1 by share'];
    expect(admitted(given(policyOf(4), wishes))).toEqual(order);
  });

  it('inside a company: waiting for ageingSeconds counts as a step of priority', () => {
    const ofAge = (seconds: number) => [wish(0), wish(seconds, 'a', { priority: 1 })];
    const policy = policyOf(1, { ageingSeconds: 600 });
    expect(admitted(given(policy, ofAge(599)))).toEqual(['lease-2 by share']);
    expect(admitted(given(policy, ofAge(601)))).toEqual(['lease-1 by share']);
  });

  it('between companies: one that holds less than its target before one that holds more', () => {
    const wishes = [wish(0), wish(0), wish(0), wish(0), wish(1, 'b'), wish(1, 'b')];
    const order = ['lease-1 by share', 'lease-5 by share', 'lease-2 by share', 'lease-6 by share'];
    expect(admitted(given(policyOf(4), wishes))).toEqual(order);
  });

  it('by weight', () => {
    const wishes = ['a', 'b'].flatMap((company) => Array.from({ length: 8 }, () => wish(0, company)));
    const counts = admitted(given(policyOf(8, { weights: { a: 3, b: 1 } }), wishes)).map((one) =>
      Number(/\d+/.exec(one)),
    );
    expect(counts.filter((number) => number <= 8)).toHaveLength(6);
  });

  it('a company below its guarantee first, whatever its weight', () => {
    const wishes = [wish(0), wish(0), wish(0), wish(1, 'b'), wish(1, 'b')];
    const policy = policyOf(3, { weights: { a: 100 }, guarantees: { b: 2 } });
    expect(admitted(given(policy, wishes))).toEqual([
      'lease-4 by guarantee',
      'lease-5 by guarantee',
      'lease-1 by share',
    ]);
  });

  it('nobody beyond its cap, its quota, or the limit of an environment; the others have the slots', () => {
    const wishes = [wish(0), wish(0), wish(0, 'b'), wish(0, 'b'), wish(0, 'c', { environment: 'small' }), wish(0, 'c')];
    const pool = given(
      policyOf(10, { caps: { a: 1 } }),
      wishes,
      { kind: 'quota', at: 0, companyId: 'b', left: 1 },
      { kind: 'environment', at: 0, environmentId: 'small', limit: { maxLeases: 0, isOpen: true } },
    );
    expect(admitted(pool).sort()).toEqual(['lease-1 by share', 'lease-3 by share', 'lease-6 by share']);
  });

  it('nobody in a closed environment, until it is open again', () => {
    const limit = (isOpen: boolean, at: number): PoolChange => {
      return { kind: 'environment', at, environmentId: 'environment', limit: { maxLeases: null, isOpen } };
    };
    const closed = given(policyOf(1), [wish(0)], limit(false, 1000));
    expect(admitted(closed)).toEqual([]);
    expect(admitted(evolvePool(closed, limit(true, 2000)))).toEqual(['lease-1 by share']);
  });

  it('nobody while more slots are taken than a lowered capacity has', () => {
    const full = given(policyOf(2), [wish(0), wish(0), wish(0)]);
    const holding = ['lease-1', 'lease-2'].reduce(
      (pool) =>
        evolvePool(pool, { kind: 'admitted', at: 0, request: nextAdmission(pool)?.request ?? requestOf(wish(0), 9) }),
      full,
    );
    const lowered = evolvePool(holding, { kind: 'policy', at: 1000, policy: policyOf(1) });
    const [first, second] = lowered.companies.get('a')?.holds.values() ?? [];
    if (!first || !second) throw new Error('Two are held.');
    const oneLeft = evolvePool(lowered, { kind: 'freed', at: 2000, hold: first });
    expect([lowered, oneLeft].map(admitted)).toEqual([[], []]);
    expect(admitted(evolvePool(oneLeft, { kind: 'freed', at: 3000, hold: second }))).toEqual(['lease-3 by share']);
  });

  it('a company that waited too long below its target first of all', () => {
    const policy = policyOf(1, { guarantees: { b: 1 }, overdueAfterSeconds: 100 });
    const wishes = [wish(0), wish(50, 'b')];
    expect(admitted(given(policy, wishes, { kind: 'policy', at: 90_000, policy }))).toEqual(['lease-2 by guarantee']);
    expect(admitted(given(policy, wishes, { kind: 'policy', at: 101_000, policy }))).toEqual(['lease-1 by overdue']);
    const afterBoth = given(policy, wishes, { kind: 'policy', at: 151_000, policy });
    expect(admitted(afterBoth)).toEqual(['lease-1 by overdue']);
  });

  it('an overdue company once: then its next request waits as long again', () => {
    const policy = policyOf(2, { overdueAfterSeconds: 100 });
    const wishes = [wish(0), wish(0), wish(90, 'b'), wish(90, 'b')];
    const late = given(policy, wishes, { kind: 'policy', at: 101_000, policy });
    expect(admitted(late)).toEqual(['lease-1 by overdue', 'lease-3 by share']);
  });

  it('is owed something only while it waits', () => {
    const pool = given(policyOf(4), [wish(0)]);
    const holding = evolvePool(pool, { kind: 'admitted', at: 0, request: requestOf(wish(0), 1) });
    const later = evolvePool(holding, { kind: 'requested', at: 600_000, request: requestOf(wish(600), 2) });
    expect(later.companies.get('a')?.credit).toBe(0);
    const waited = evolvePool(later, { kind: 'requested', at: 601_000, request: requestOf(wish(601, 'b'), 3) });
    // One second of one more slot.
    expect(waited.companies.get('a')?.credit).toBe(1_000 * 1_000);
  });

  it('says how things stood, the chosen company first', () => {
    const pool = given(policyOf(1), [wish(0), wish(0), wish(1, 'b')]);
    expect(nextAdmission(pool)?.decision).toEqual({
      policyVersion: 1,
      rule: 'share',
      capacity: 1,
      held: 0,
      meanHold: 600_000,
      companies: [
        { companyId: 'a', held: 0, waiting: 2, target: 500, credit: 1_000_000 },
        { companyId: 'b', held: 0, waiting: 1, target: 500, credit: 0 },
      ],
      moreCompanies: 0,
    });
  });
});
