import { describe, expect, it } from '@jest/globals';
import { holdLike, play, policyOf, randomNumbers, shareOf, type Wish } from './simulation.js';

/*
 * Five cases that decide between rules of queueing, 10 slots each, holds of 10 minutes in the mean; the numbers beside
 * them are what the rule gave where it was compared with six others.
 */

const SLOTS = 10;
const HOUR = 3600;

function backlog(random: () => number, companies: readonly string[], each: number): Wish[] {
  return Array.from({ length: each }, () =>
    companies.map((company) => ({ at: 0, company, hold: holdLike(random, 600) })),
  ).flat();
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length * part)] ?? NaN;
}

describe('shares of a pool', () => {
  it('A: a company that asks for 600 leases at once does not keep ten small ones waiting', () => {
    const waits = [0, 1, 2, 3].map((seed) => {
      const random = randomNumbers(seed);
      const big = Array.from({ length: 600 }, () => ({ at: 0, company: 'big', hold: holdLike(random, 600) }));
      const small = Array.from({ length: 20 }, (_, index) => ({
        at: random() * HOUR,
        company: `small ${index >> 1}`,
        hold: holdLike(random, 600),
      }));
      return play([...big, ...small], policyOf(SLOTS)).filter(({ company }) => company !== 'big');
    });
    const small = waits.flat().map(({ wait }) => wait);
    // 80, 228 and 329 seconds; first come, first served: 33,624, 35,074 and 35,503.
    expect(quantile(small, 0.5)).toBeLessThan(160);
    expect(quantile(small, 0.95)).toBeLessThan(456);
    expect(Math.max(...small)).toBeLessThan(658);
  });

  it('B: a weight of 1 beside one of 20 gets its 4.76 %, and does not starve', () => {
    const wishes = backlog(randomNumbers(1), ['heavy', 'light'], 2500);
    const served = play(wishes, policyOf(SLOTS, { weights: { heavy: 20, light: 1 } }), 90_000);
    const light = served.filter(({ company }) => company === 'light');
    // From the end of one lease to the next: the rule was 4,365 seconds from start to start.
    const gaps = light.slice(1).map(({ at }, index) => at - (light[index]?.at ?? 0) - (light[index]?.hold ?? 0));
    expect(Math.abs(shareOf(served, 'light', 90_000) - 5.05)).toBeLessThan(1);
    expect(Math.max(...gaps)).toBeLessThan(HOUR + 600);
  });

  it('C: holds of 60 seconds beside holds of 1,800 get the same slot time', () => {
    const short = Array.from({ length: 9000 }, () => ({ at: 0, company: 'short', hold: 60 }));
    const long = Array.from({ length: 900 }, () => ({ at: 0, company: 'long', hold: 1800 }));
    const served = play([...short, ...long], policyOf(SLOTS), 60_000);
    expect(Math.abs(shareOf(served, 'short', 60_000) - 49.8)).toBeLessThan(1);
  });

  it('D: weights of 5, 3, 1 and 1 get 50, 30, 10 and 10 %', () => {
    const weights = { a: 5, b: 3, c: 1, d: 1 };
    const served = play(backlog(randomNumbers(3), Object.keys(weights), 1500), policyOf(SLOTS, { weights }), 60_000);
    const expected = { a: 50, b: 30, c: 10.1, d: 10 };
    for (const [company, share] of Object.entries(expected)) {
      expect(Math.abs(shareOf(served, company, 60_000) - share)).toBeLessThan(1);
    }
  });

  it('E: 30 companies on 10 slots have 3.33 % each, though none is due a whole slot', () => {
    const companies = Array.from({ length: 30 }, (_, index) => `company ${index}`);
    const served = play(backlog(randomNumbers(4), companies, 200), policyOf(SLOTS), 60_000);
    const shares = companies.map((company) => shareOf(served, company, 60_000));
    expect(Math.abs(Math.min(...shares) - 3.17)).toBeLessThan(1);
    expect(Math.abs(Math.max(...shares) - 3.72)).toBeLessThan(1);
  });
});
