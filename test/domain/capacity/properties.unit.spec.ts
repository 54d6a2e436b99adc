import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nextAdmission, type Admission } from '../../../src/domain/capacity/admission.js';
import { evolvePool, type PoolChange } from '../../../src/domain/capacity/evolve-pool.js';
import { capOf, type PoolPolicy } from '../../../src/domain/capacity/policy.js';
import { emptyPool, headOf, SLOT, UNLIMITED, type Hold, type Pool } from '../../../src/domain/capacity/pool.js';
import { grown } from '../../support/soak.js';
import { requestOf } from './simulation.js';

const COMPANIES = ['a', 'b', 'c', 'd'];
const ENVIRONMENTS = ['one', 'two', 'three'];
const company = fc.constantFrom(...COMPANIES);
const environment = fc.constantFrom(...ENVIRONMENTS);
const byCompany = (value: fc.Arbitrary<number>): fc.Arbitrary<Record<string, number>> =>
  fc.dictionary(company, value, { maxKeys: 3 });

const policy: fc.Arbitrary<PoolPolicy> = fc.record({
  capacity: fc.integer({ min: 0, max: 6 }),
  weights: byCompany(fc.integer({ min: 1, max: 1000 })),
  defaultWeight: fc.integer({ min: 1, max: 10 }),
  guarantees: byCompany(fc.integer({ min: 0, max: 4 })),
  caps: byCompany(fc.integer({ min: 0, max: 4 })),
  overdueAfterSeconds: fc.integer({ min: 1, max: 3600 }),
  ageingSeconds: fc.integer({ min: 1, max: 3600 }),
});

/** What somebody does; which lease it is about is found by number, whatever leases there are. */
type Deed =
  | { readonly kind: 'request'; readonly company: string; readonly environment: string; readonly priority: number }
  | { readonly kind: 'withdraw' | 'free'; readonly which: number }
  | { readonly kind: 'policy'; readonly policy: PoolPolicy }
  | {
      readonly kind: 'environment';
      readonly environment: string;
      readonly maxLeases: number | null;
      readonly isOpen: boolean;
    }
  | { readonly kind: 'quota'; readonly company: string; readonly left: number | null };

const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('request' as const), company, environment, priority: fc.nat(3) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('withdraw' as const), which: fc.nat(100) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('free' as const), which: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('policy' as const), policy }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('environment' as const),
      environment,
      maxLeases: fc.option(fc.nat(3)),
      isOpen: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('quota' as const), company, left: fc.option(fc.nat(4)) }) },
);

const story = fc.record({
  policy,
  deeds: fc.array(fc.record({ after: fc.nat(600_000), deed }), { minLength: 1, maxLength: 60 }),
});

interface Told {
  readonly changes: readonly PoolChange[];
  readonly admissions: readonly { readonly before: Pool; readonly admission: Admission }[];
  /** After each deed, when nobody more could be admitted. */
  readonly rests: readonly Pool[];
}

/** Carries the deeds out, and admits whoever can be after each of them. */
function told({ policy: first, deeds }: { policy: PoolPolicy; deeds: readonly { after: number; deed: Deed }[] }): Told {
  const [changes, admissions, rests]: [PoolChange[], Told['admissions'][number][], Pool[]] = [[], [], []];
  let pool = emptyPool(first);
  const apply = (change: PoolChange): void => {
    changes.push(change);
    pool = evolvePool(pool, change);
  };
  let at = 1_000;
  deeds.forEach(({ after, deed: one }, index) => {
    at += after;
    const change = changeOf(pool, one, at, index + 1);
    if (change) apply(change);
    for (let admission = nextAdmission(pool); admission !== null; admission = nextAdmission(pool)) {
      admissions.push({ before: pool, admission });
      apply({ kind: 'admitted', at, request: admission.request });
    }
    rests.push(pool);
  });
  return { changes, admissions, rests };
}

function changeOf(pool: Pool, one: Deed, at: number, number: number): PoolChange | null {
  switch (one.kind) {
    case 'request': {
      const wish = {
        at: at / 1000,
        company: one.company,
        hold: 0,
        priority: one.priority,
        environment: one.environment,
      };
      return { kind: 'requested', at, request: requestOf(wish, number) };
    }
    case 'withdraw': {
      const waiting = requestsOf(pool);
      const request = waiting[one.which % Math.max(1, waiting.length)];
      return request ? { kind: 'withdrawn', at, request } : null;
    }
    case 'free': {
      const holds = holdsOf(pool);
      const hold = holds[one.which % Math.max(1, holds.length)];
      return hold ? { kind: 'freed', at, hold } : null;
    }
    case 'policy':
      return { kind: 'policy', at, policy: one.policy };
    case 'environment':
      return {
        kind: 'environment',
        at,
        environmentId: one.environment,
        limit: { maxLeases: one.maxLeases, isOpen: one.isOpen },
      };
    case 'quota':
      return { kind: 'quota', at, companyId: one.company, left: one.left };
  }
}

const requestsOf = ({ companies }: Pool) => [...companies.values()].flatMap(({ lines }) => [...lines.values()].flat());
const holdsOf = ({ companies }: Pool): Hold[] => [...companies.values()].flatMap(({ holds }) => [...holds.values()]);

function always(check: (told: Told) => void): void {
  fc.assert(
    fc.property(story, (one) => check(told(one))),
    { numRuns: grown(300, 10_000) },
  );
}

describe('admission, whatever happens', () => {
  it('never goes over the capacity of the pool, an environment’s limit, a company’s cap or its quota', () => {
    always(({ admissions }) => {
      for (const { before, admission } of admissions) {
        const { companyId, environmentId } = admission.request;
        expect(before.held).toBeLessThan(before.policy.capacity);
        expect(before.held).toBe(holdsOf(before).length);
        const held = holdsOf(before).filter((hold) => hold.environmentId === environmentId).length;
        const { maxLeases, isOpen } = before.environments.get(environmentId) ?? UNLIMITED;
        expect({ isOpen, hasRoom: maxLeases === null || held < maxLeases }).toEqual({ isOpen: true, hasRoom: true });
        expect(before.companies.get(companyId)?.holds.size).toBeLessThan(capOf(before.policy, companyId));
        expect(before.quotasLeft.get(companyId) ?? 1).toBeGreaterThan(0);
      }
    });
  });

  it('leaves no slot idle that somebody who waits could have', () => {
    always(({ rests }) => {
      for (const pool of rests) {
        if (pool.held >= pool.policy.capacity) continue;
        const could = [...pool.companies].filter(
          ([id, company]) => headOf(pool, id, company) !== null && company.holds.size < capOf(pool.policy, id),
        );
        expect(could).toEqual([]);
      }
    });
  });

  it('keeps the order inside a company: nobody is passed by one that is younger and no more urgent', () => {
    always(({ admissions }) => {
      for (const { before, admission } of admissions) {
        const { companyId, leaseId, environmentId, priority, position } = admission.request;
        const passed = requestsOf(before).filter(
          (other) =>
            other.companyId === companyId &&
            other.leaseId !== leaseId &&
            other.environmentId === environmentId &&
            other.priority >= priority &&
            other.position < position,
        );
        expect(passed).toEqual([]);
      }
    });
  });

  it('decides the same when it is replayed from what was recorded', () => {
    fc.assert(
      fc.property(story, (one) => {
        const { changes, admissions, rests } = told(one);
        const recorded = JSON.parse(JSON.stringify(changes)) as PoolChange[];
        let pool = emptyPool(one.policy);
        const again: Admission[] = [];
        for (const change of recorded) {
          if (change.kind === 'admitted') again.push(nextAdmission(pool) as Admission);
          pool = evolvePool(pool, change);
        }
        expect(again).toEqual(admissions.map(({ admission }) => admission));
        expect(pool).toEqual(rests.at(-1));
      }),
      { numRuns: grown(100, 3_000) },
    );
  });

  it('counts in whole numbers, and gives no more than there is', () => {
    always(({ rests }) => {
      for (const {
        companies,
        policy: { capacity },
      } of rests) {
        const targets = [...companies.values()].map(({ target }) => target);
        expect(targets.reduce((sum, target) => sum + target, 0)).toBeLessThanOrEqual(capacity * SLOT);
        expect(
          [...companies.values()].every(({ target, credit }) => [target, credit].every(Number.isSafeInteger)),
        ).toBe(true);
      }
    });
  });
});
