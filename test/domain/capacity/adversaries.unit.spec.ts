import { describe, expect, it } from '@jest/globals';
import { grown } from '../../support/soak.js';
import { holdLike, play, policyOf, randomNumbers, shareOf, type Wish } from './simulation.js';

const SLOTS = 10;
const HOUR = 3600;
const UNTIL = 6 * HOUR;
const MANY = grown(2_000, 10_000);

/** Companies that always have two requests waiting or running, as others would have it who want no more than their share. */
function modest(random: () => number, count: number): Wish[] {
  return Array.from({ length: count }, (_, company) =>
    Array.from({ length: 40 }, (_none, index) => ({
      at: (index >> 1) * 1200,
      company: `modest ${company}`,
      hold: holdLike(random, 600),
    })),
  ).flat();
}

const ADVERSARIES: Readonly<Record<string, (random: () => number) => Wish[]>> = {
  'asks for everything at once': (random) =>
    Array.from({ length: MANY }, () => ({ at: 0, company: 'adversary', hold: holdLike(random, 600) })),
  'splits its work into tiny leases': () =>
    Array.from({ length: MANY }, () => ({ at: 0, company: 'adversary', hold: 20 })),
  'asks anew whenever it has waited for ten seconds': (random) =>
    Array.from({ length: 50 }, () => ({
      at: 0,
      company: 'adversary',
      hold: holdLike(random, 600),
      patience: 10 * HOUR,
    })).map((wish, index) => (index < 5 ? { ...wish, patience: 10 } : wish)),
  'gives everything the highest priority': (random) =>
    Array.from({ length: MANY }, () => ({ at: 0, company: 'adversary', hold: holdLike(random, 600), priority: 100 })),
  'keeps every slot for an hour': () =>
    Array.from({ length: MANY }, () => ({ at: 0, company: 'adversary', hold: HOUR })),
};

describe.each(Object.entries(ADVERSARIES))('beside a company that %s', (_name, wishesOf) => {
  it('nobody waits below its target for longer than the bound', () => {
    const random = randomNumbers(7);
    const policy = policyOf(SLOTS, { overdueAfterSeconds: 900 });
    const companies = 8;
    let longest = 0;
    const served = play([...wishesOf(random), ...modest(random, companies - 1)], policy, UNTIL, {
      settled: ({ at, companies: waiting }) => {
        for (const { belowSince } of waiting.values())
          if (belowSince !== null) longest = Math.max(longest, at - belowSince);
      },
    });
    // Holds are an hour at the most: overdueAfter + ⌈n / C⌉ · D.
    expect(longest / 1000).toBeLessThanOrEqual(900 + Math.ceil(companies / SLOTS) * HOUR);
    // Seven companies that want little get what they want: less than their 12.5 % each is all that the others leave.
    const adversary = shareOf(served, 'adversary', UNTIL);
    expect(adversary).toBeLessThan(75);
    const waits = served.filter(({ company }) => company !== 'adversary').map(({ wait }) => wait);
    expect(waits.length).toBeGreaterThan(200);
  });
});

it('a company whose weight is next to nothing waits no longer either', () => {
  const overdueAfterSeconds = 900;
  const policy = policyOf(1, { overdueAfterSeconds, weights: { heavy: 1000, heavier: 1000 }, defaultWeight: 1 });
  const heavy = Array.from({ length: 200 }, (_, index) => ({
    at: 0,
    company: index % 2 ? 'heavy' : 'heavier',
    hold: 600,
  }));
  const light = Array.from({ length: 10 }, () => ({ at: 60, company: 'light', hold: 600 }));
  const served = play([...heavy, ...light], policy, 6 * HOUR).filter(({ company }) => company === 'light');
  const times = [60, ...served.map(({ at, hold }) => at + hold)];
  const gaps = served.map(({ at }, index) => at - (times[index] ?? 0));
  // It is given a slot each time that it has waited so long, though its target is 0.4 thousandths of one.
  expect(served.length).toBeGreaterThan(6);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(overdueAfterSeconds + 2 * 600);
});
