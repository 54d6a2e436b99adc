import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EffectPlaces } from '../../../src/runtime/provisioning/effect-places.js';
import { nextIn, shareOf, type Candidate } from '../../../src/runtime/provisioning/fair-share.js';

const PLACES = 64;

const candidate = fc.record<Candidate>({
  companyId: fc.constantFrom('a', 'b', 'c', 'd'),
  environmentId: fc.constantFrom('1', '2', '3'),
  kind: fc.constantFrom('provisioning', 'cleanup'),
  priority: fc.integer({ min: 0, max: 100 }),
  arrival: fc.integer({ min: 1, max: 1_000 }),
});
const ofItsCompany = ({ companyId, environmentId, ...rest }: Candidate): Candidate => ({
  ...rest,
  companyId,
  environmentId: companyId + environmentId,
});
const candidates = fc.array(candidate.map(ofItsCompany), { maxLength: 40 });
const served = fc
  .dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(100))
  .map((turns) => new Map(Object.entries(turns)));
const places = fc.integer({ min: 1, max: 40 });
const countOf = (all: readonly Candidate[], companyId: string): number =>
  all.filter((one) => one.companyId === companyId).length;

describe('who gets a free place', () => {
  test('somebody, while a place is free and a company has none under way', () => {
    fc.assert(
      fc.property(places, candidates, candidates, served, (all, underWay, waiting, turns) => {
        const hasNewcomer = waiting.some(({ companyId }) => countOf(underWay, companyId) === 0);
        fc.pre(hasNewcomer && underWay.length < all);
        const next = nextIn(all, underWay, waiting, turns);
        expect(countOf(underWay, next!.companyId)).toBe(0);
      }),
    );
  });

  test('nobody who would have more than half, rounded up, of what the others leave', () => {
    fc.assert(
      fc.property(places, candidates, candidates, served, (all, underWay, waiting, turns) => {
        const next = nextIn(all, underWay, waiting, turns);
        if (next === null) return;
        const own = countOf(underWay, next.companyId);
        expect(own + 1).toBeLessThanOrEqual(shareOf(all, underWay.length - own));
        expect(underWay.length).toBeLessThan(all);
      }),
    );
  });

  test('a caller’s priority moves its own company’s effects alone', () => {
    fc.assert(
      fc.property(places, candidates, candidates, served, fc.nat(100), (all, underWay, waiting, turns, more) => {
        const raised = waiting.map((one) => (one.companyId === 'a' ? { ...one, priority: one.priority + more } : one));
        const [before, after] = [nextIn(all, underWay, waiting, turns), nextIn(all, underWay, raised, turns)];
        expect(after?.companyId).toBe(before?.companyId);
      }),
    );
  });

  test('within a company cleanups, then the higher priority, then who came first', () => {
    const one = (kind: Candidate['kind'], priority: number, arrival: number): Candidate => ({
      ...{ companyId: 'a', environmentId: String(arrival), kind, priority, arrival },
    });
    const waiting = [
      one('provisioning', 0, 1),
      one('provisioning', 5, 2),
      one('provisioning', 5, 3),
      one('cleanup', 0, 4),
    ];
    const order: number[] = [];
    while (waiting.length > 0) {
      const next = nextIn(PLACES, [], waiting, new Map())!;
      order.push(next.arrival);
      waiting.splice(waiting.indexOf(next), 1);
    }
    expect(order).toEqual([4, 2, 3, 1]);
  });
});

describe('the places of a process', () => {
  const endless = (): Promise<never> => new Promise(() => undefined);
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const of = (companyId: string, environmentId = companyId, priority = 0) => ({
    ...{ companyId, environmentId, kind: 'provisioning' as const, priority },
  });

  test('200 effects that never end leave a place at once for each of the next companies', async () => {
    const all = new EffectPlaces(PLACES);
    let begun = 0;
    const count = (): Promise<never> => {
      begun += 1;
      return endless();
    };
    for (let effect = 0; effect < 200; effect += 1) void all.take(of('loud', `env ${effect % 4}`, 100), count);
    await settle();
    expect(begun).toBeGreaterThan(PLACES / 4);
    expect(begun).toBeLessThanOrEqual(PLACES / 2);
    for (const company of ['b', 'c', 'd']) {
      expect(await all.take(of(company), () => Promise.resolve(company))).toEqual({ given: company });
    }
  });

  test('an environment that never answers leaves places to the company’s other ones', async () => {
    const all = new EffectPlaces(PLACES);
    for (let effect = 0; effect < 200; effect += 1) void all.take(of('a', 'silent'), endless);
    expect(await all.take(of('a', 'other'), () => Promise.resolve('done'))).toEqual({ given: 'done' });
  });

  test('companies that have much to do take turns, however many they are', async () => {
    const all = new EffectPlaces(2);
    const order: string[] = [];
    const work = (company: string) => async (): Promise<void> => {
      order.push(company);
      await settle();
    };
    const companies = ['a', 'b', 'c', 'd', 'e'];
    const takes = companies.flatMap((company) => [1, 2, 3].map(() => all.take(of(company), work(company))));
    await Promise.all(takes);
    for (let round = 0; round < 3; round += 1) {
      expect(new Set(order.slice(round * 5, round * 5 + 5))).toEqual(new Set(companies));
    }
  });

  test('who fails frees its place, and who waits is turned away when the places close', async () => {
    const all = new EffectPlaces(1);
    await expect(all.take(of('a'), () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    let end = (): void => undefined;
    const first = all.take(of('a'), () => new Promise<void>((resolve) => (end = resolve)));
    const second = all.take(of('b'), endless);
    all.close();
    expect([await second, await all.take(of('c'), endless)]).toEqual([null, null]);
    end();
    await Promise.all([first, all.empty()]);
  });
});
