import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { waterFill, type Claim } from '../../../src/domain/capacity/water-filling.js';

const claim = (weight: number, atLeast: number, atMost: number): Claim => ({ weight, atLeast, atMost });

describe('water-filling', () => {
  it.each<[string, number, Claim[], number[]]>([
    ['by weight', 100, [claim(3, 0, 1000), claim(1, 0, 1000)], [75, 25]],
    [
      'what one cannot use goes to the others',
      100,
      [claim(1, 0, 10), claim(1, 0, 1000), claim(2, 0, 1000)],
      [10, 30, 60],
    ],
    ['all of it, where there is enough', 100, [claim(1, 0, 10), claim(9, 0, 20)], [10, 20]],
    ['guarantees first', 100, [claim(1, 60, 100), claim(9, 0, 100), claim(1, 0, 100)], [60, 36, 4]],
    ['a guarantee that is less than the share changes nothing', 100, [claim(1, 10, 100), claim(1, 0, 100)], [50, 50]],
    ['more guaranteed than there is', 10, [claim(1, 10, 100), claim(4, 10, 100)], [2, 8]],
    ['nothing', 0, [claim(1, 5, 100), claim(1, 0, 100)], [0, 0]],
    ['nobody', 100, [], []],
  ])('%s', (_name, amount, claims, expected) => {
    expect(waterFill(amount, claims)).toEqual(expected);
  });

  it('is as level as the bounds allow: who got less by weight than another has all it may, or the other its least', () => {
    const bounds = fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.nat(5000), fc.nat(5000));
    const claims = fc
      .array(bounds, { maxLength: 12 })
      .map((all) => all.map(([weight, one, other]) => claim(weight, Math.min(one, other), Math.max(one, other))));
    fc.assert(
      fc.property(fc.nat(20_000), claims, (amount, wanted) => {
        const given = waterFill(amount, wanted);
        const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
        const isEnoughForAll = sum(wanted.map(({ atLeast }) => atLeast)) <= amount;
        const least = isEnoughForAll ? wanted.map(({ atLeast }) => atLeast) : wanted.map(() => 0);
        const most = wanted.map(({ atLeast, atMost }) => (isEnoughForAll ? atMost : atLeast));
        given.forEach((value, index) => {
          expect(value).toBeGreaterThanOrEqual(least[index] as number);
          expect(value).toBeLessThanOrEqual(most[index] as number);
        });
        // Each rounding leaves less than one unit a claim.
        const all = Math.min(amount, sum(most));
        expect(sum(given)).toBeLessThanOrEqual(all);
        expect(sum(given)).toBeGreaterThanOrEqual(all - wanted.length);
        given.forEach((value, one) => {
          given.forEach((richer, other) => {
            const { weight } = wanted[one] as Claim;
            const level = (richer - 2) / (wanted[other] as Claim).weight;
            const isPoorer = (value + 2) / weight < level;
            const mayHaveMore = value < (most[one] as number);
            const couldGive = richer > (least[other] as number);
            expect(isPoorer && mayHaveMore && couldGive).toBe(false);
          });
        });
      }),
      { numRuns: 500 },
    );
  });
});
