import { describe, expect, it } from '@jest/globals';
import { evolvePool } from '../../../src/domain/capacity/evolve-pool.js';
import { forecast } from '../../../src/domain/capacity/forecast.js';
import { emptyPool, type Pool } from '../../../src/domain/capacity/pool.js';
import { grown } from '../../support/soak.js';
import { holdLike, play, policyOf, randomNumbers, requestOf, type Wish } from './simulation.js';

const MINUTE = 60_000;
const RUN = grown(900, 5_000);

/** A pool whose slots are taken since the beginning, and who waits at `at` (ms). */
function busy(slots: number, waiting: readonly Wish[], at: number): Pool {
  let pool = emptyPool(policyOf(slots));
  for (let number = 1; number <= slots; number += 1) {
    const request = requestOf({ at: 0, company: 'holder', hold: 0 }, 1000 + number);
    pool = evolvePool(evolvePool(pool, { kind: 'requested', at: 0, request }), { kind: 'admitted', at: 0, request });
  }
  waiting.forEach((wish, index) => {
    pool = evolvePool(pool, { kind: 'requested', at, request: requestOf(wish, index + 1) });
  });
  return pool;
}

describe('when a request is likely to be given a slot', () => {
  const wish = (company: string): Wish => ({ at: 300, company, hold: 0 });

  it('plays the rule forward: each lease for ten minutes while nothing else is known, or to its end', () => {
    const etaOf = forecast(busy(1, [wish('a'), wish('a'), wish('b')], 5 * MINUTE), 1);
    const [first, second, third] = [1, 2, 3].map((number) => etaOf(`lease-${number}`));
    // The holder is likely to go on for another ten minutes, and ends after an hour. Company b is before a’s second.
    expect(first).toEqual({
      expectedWait: 10 * MINUTE,
      eta: { p50: 15 * MINUTE, p90: 25 * MINUTE, latest: 60 * MINUTE },
    });
    expect(third).toEqual({
      expectedWait: 20 * MINUTE,
      eta: { p50: 25 * MINUTE, p90: 45 * MINUTE, latest: 120 * MINUTE },
    });
    expect(second?.eta.latest).toBe(180 * MINUTE);
  });

  it('is what is left of leases that were kept as long as this one by now', () => {
    let pool = emptyPool(policyOf(1));
    [1, 1, 1, 30, 40].forEach((minutes, index) => {
      const request = requestOf({ at: pool.at / 1000, company: 'a', hold: 0 }, index + 1);
      for (const kind of ['requested', 'admitted'] as const) pool = evolvePool(pool, { kind, at: pool.at, request });
      const hold = pool.companies.get('a')?.holds.get(request.leaseId);
      if (hold) pool = evolvePool(pool, { kind: 'freed', at: pool.at + minutes * MINUTE, hold });
    });
    const held = requestOf({ at: pool.at / 1000, company: 'a', hold: 0 }, 10);
    for (const kind of ['requested', 'admitted'] as const)
      pool = evolvePool(pool, { kind, at: pool.at, request: held });
    const late = pool.at + 5 * MINUTE;
    const waiting = requestOf({ at: late / 1000, company: 'b', hold: 0 }, 11);
    pool = evolvePool(pool, { kind: 'requested', at: late, request: waiting });
    // Kept for five minutes already: as the two that were kept for 30 and 40.
    expect(forecast(pool, 1)('lease-11')?.expectedWait).toBe(30 * MINUTE);
  });

  it('knows no latest time behind a lease that has no end, and nothing of what does not wait', () => {
    const request = { ...requestOf({ at: 0, company: 'a', hold: 0 }, 1), longestHold: Infinity };
    let pool = emptyPool(policyOf(1));
    for (const kind of ['requested', 'admitted'] as const) pool = evolvePool(pool, { kind, at: 0, request });
    pool = evolvePool(pool, { kind: 'requested', at: 1000, request: requestOf({ at: 1, company: 'b', hold: 0 }, 2) });
    expect(forecast(pool, 1)('lease-2')?.eta).toEqual({ p50: 601_000, p90: 1_201_000, latest: null });
    expect(forecast(pool, 1)('lease-9')).toBeNull();
  });

  it('counts with a later end once a lease is renewed', () => {
    const pool = busy(1, [wish('a')], 5 * MINUTE);
    const [hold] = pool.companies.get('holder')?.holds.values() ?? [];
    if (!hold) throw new Error('The slot is taken.');
    const renewed = { ...hold, endsAt: hold.endsAt + 30 * MINUTE };
    const later = evolvePool(pool, { kind: 'extended', at: 6 * MINUTE, hold: renewed });
    expect(forecast(pool, 1)('lease-1')?.eta.latest).toBe(60 * MINUTE);
    expect(forecast(later, 1)('lease-1')?.eta.latest).toBe(90 * MINUTE);
  });

  it('beside other companies: the bound of the rule, whatever they ask for, is the latest', () => {
    const etaOf = forecast(busy(1, [wish('a'), wish('a')], 5 * MINUTE), 3);
    const turn = 60 * MINUTE + 3 * 60 * MINUTE;
    expect([1, 2].map((number) => etaOf(`lease-${number}`)?.eta.latest)).toEqual([
      5 * MINUTE + turn,
      5 * MINUTE + 2 * turn,
    ]);
  });

  it('estimates those far behind by how fast their company goes', () => {
    const waiting = Array.from({ length: 500 }, () => wish('a'));
    const etaOf = forecast(busy(1, waiting, 5 * MINUTE), 1);
    const wait = (number: number): number => etaOf(`lease-${number}`)?.expectedWait ?? NaN;
    expect(wait(100)).toBe(1000 * MINUTE);
    expect(wait(500) / wait(100)).toBeCloseTo(5, 0);
  });

  it('on a run of random holds: the true wait is under p90 in 85 to 95 % of cases, and never over the latest', () => {
    const random = randomNumbers(11);
    const companies = ['a', 'b', 'c', 'd', 'e'];
    let at = 0;
    const wishes = Array.from({ length: RUN }, (): Wish => {
      // 10 slots of 10 minutes each have room for one a minute: 5 % more come.
      at += -57 * Math.log(1 - random());
      return { at, company: companies[Math.floor(random() * companies.length)] ?? 'a', hold: holdLike(random, 600) };
    });
    const etas = new Map<string, { readonly p50: number; readonly p90: number; readonly latest: number | null }>();
    const compared: { readonly at: number; readonly leaseId: string }[] = [];
    play(wishes, policyOf(10), Infinity, {
      expected: (pool, { leaseId }) => {
        const expected = forecast(pool, companies.length)(leaseId);
        if (expected === null || expected.expectedWait === 0) return null;
        etas.set(leaseId, expected.eta);
        return expected.expectedWait;
      },
      admitted: (pool, { request: { leaseId } }) => compared.push({ at: pool.at, leaseId }),
    });
    const waited = compared.flatMap(({ at: admittedAt, leaseId }) => {
      const eta = etas.get(leaseId);
      return eta ? [{ admittedAt, ...eta }] : [];
    });
    const part = (isTrue: (one: (typeof waited)[number]) => boolean): number =>
      waited.filter(isTrue).length / waited.length;
    expect(waited.length).toBeGreaterThan(RUN / 3);
    const under = {
      p50: part(({ admittedAt, p50 }) => admittedAt <= p50),
      p90: part(({ admittedAt, p90 }) => admittedAt <= p90),
    };
    expect(under.p90).toBeGreaterThan(0.85);
    expect(under.p90).toBeLessThan(0.95);
    expect(under.p50).toBeGreaterThan(0.4);
    expect(under.p50).toBeLessThan(0.6);
    expect(part(({ admittedAt, latest }) => latest !== null && admittedAt > latest)).toBe(0);
  });
});
