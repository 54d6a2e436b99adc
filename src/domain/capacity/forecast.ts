import { nextAdmission } from './admission.js';
import { evolvePool, meanHold } from './evolve-pool.js';
import { goesBefore, type Hold, type Pool, type Request } from './pool.js';

/** Admissions that are played through; who comes later is estimated by how fast they follow each other. */
const PLAYED = 100;
/** Waits that must have been compared with what was expected before that says anything. */
const LEAST_COMPARED = 16;

/** When a request is likely to be given a slot; times in milliseconds since 1970. */
export interface Eta {
  readonly p50: number;
  readonly p90: number;
  /** Never later than this, unless its own company puts others before it; null: a lease that must go first has no end. */
  readonly latest: number | null;
}

/** When each of the requests that wait would be admitted if no other came, by lease id. */
type Admissions = ReadonlyMap<string, number>;

/**
 * When those that wait now get their slots: the same rule, run forward, with each lease kept as long as such leases were
 * kept before, given how long it has been kept by now. How far off earlier expectations were is known: `p50` and `p90` are
 * those of past waits, as parts of what was expected.
 *
 * @param companies how many may use the pool
 */
export function forecast(
  pool: Pool,
  companies: number,
): (leaseId: string) => { readonly eta: Eta; readonly expectedWait: number } | null {
  const likely = played(pool, (hold, at) => Math.min(hold.endsAt, at + restOf(pool, at - hold.admittedAt)));
  const latest = companies > 1 ? latestBesideOthers(pool, companies) : played(pool, (hold) => hold.endsAt);
  const [half, most] = [pastWait(pool, 50, 100), pastWait(pool, 90, 200)];
  return (leaseId) => {
    const expected = likely.get(leaseId);
    if (expected === undefined) return null;
    const expectedWait = expected - pool.at;
    const last = latest.get(leaseId) ?? Infinity;
    const within = (percentage: number): number =>
      Math.min(last, pool.at + Math.round((expectedWait * percentage) / 100));
    return { eta: { p50: within(half), p90: within(most), latest: Number.isFinite(last) ? last : null }, expectedWait };
  };
}

/**
 * Whatever the other companies ask for: once one of its own leases has ended, or at once where it has none, a company is
 * below its target, and is given a slot when it is overdue and each of the others has had one before it. Then the same
 * begins for its next request.
 */
function latestBesideOthers(pool: Pool, companies: number): Admissions {
  const { capacity, overdueAfterSeconds } = pool.policy;
  const all = [...pool.companies.values()];
  const longest = Math.max(
    ...all.flatMap(({ lines }) => [...lines.values()].flat().map(({ longestHold }) => longestHold)),
    ...all.flatMap(({ holds }) => [...holds.values()].map(({ admittedAt, endsAt }) => endsAt - admittedAt)),
  );
  const turn = overdueAfterSeconds * 1_000 + Math.ceil(companies / Math.max(1, capacity)) * longest;
  const latest = new Map<string, number>();
  for (const [companyId, { holds }] of pool.companies) {
    const own = holds.size === 0 ? pool.at : Math.min(...[...holds.values()].map(({ endsAt }) => endsAt));
    waitingOf(pool, companyId).forEach(({ leaseId }, index) => latest.set(leaseId, own + turn * (index + 1)));
  }
  return latest;
}

/** @param endOf when a lease that has a slot at `at` gives it up */
function played(start: Pool, endOf: (hold: Hold, at: number) => number): Admissions {
  const admissions = new Map<string, number>();
  const admittedOf = new Map<string, number>();
  let pool = start;
  const ends = [...pool.companies.values()].flatMap(({ holds }) =>
    [...holds.values()].map((hold) => ({ hold, at: Math.max(pool.at, endOf(hold, pool.at)) })),
  );
  while (admissions.size < PLAYED) {
    for (let admission = nextAdmission(pool); admission !== null; admission = nextAdmission(pool)) {
      const { request } = admission;
      admissions.set(request.leaseId, pool.at);
      admittedOf.set(request.companyId, (admittedOf.get(request.companyId) ?? 0) + 1);
      pool = evolvePool(pool, { kind: 'admitted', at: pool.at, request });
      const hold = pool.companies.get(request.companyId)?.holds.get(request.leaseId);
      if (hold) ends.push({ hold, at: endOf(hold, pool.at) });
    }
    const next = ends.reduce<(typeof ends)[number] | null>(
      (first, end) => (first && first.at <= end.at ? first : end),
      null,
    );
    if (next === null || !Number.isFinite(next.at)) return withRest(pool, admissions, () => Infinity);
    ends.splice(ends.indexOf(next), 1);
    pool = evolvePool(pool, { kind: 'freed', at: next.at, hold: next.hold });
  }
  const elapsed = pool.at - start.at;
  return withRest(pool, admissions, (companyId, number) => {
    const admitted = admittedOf.get(companyId) ?? 1;
    return Math.round(pool.at + (elapsed / admitted) * number);
  });
}

/** Those that were not reached: each company's go on as fast as they went until then, or never where nothing ends. */
function withRest(
  pool: Pool,
  reached: ReadonlyMap<string, number>,
  timeOf: (companyId: string, number: number) => number,
): Admissions {
  const admissions = new Map(reached);
  for (const companyId of pool.companies.keys()) {
    waitingOf(pool, companyId).forEach(({ leaseId }, index) => admissions.set(leaseId, timeOf(companyId, index + 1)));
  }
  return admissions;
}

/** The next one first. */
function waitingOf({ companies, policy }: Pool, companyId: string): readonly Request[] {
  const [line = [], ...others] = companies.get(companyId)?.lines.values() ?? [];
  if (others.length === 0) return line;
  return [line, ...others].flat().sort((one, other) => (goesBefore(one, other, policy) ? -1 : 1));
}

/** How much longer a lease is likely to be kept that has been kept for so long: the mean of those that were kept longer. */
function restOf(pool: Pool, age: number): number {
  const longer = pool.pastHolds.filter((hold) => hold > age);
  if (longer.length === 0) return meanHold(pool);
  return Math.round(longer.reduce((sum, hold) => sum + hold - age, 0) / longer.length);
}

/** Past waits as a percentage of what was expected: the one that so many per cent of them did not exceed. */
function pastWait({ pastWaits }: Pool, percent: number, unknown: number): number {
  if (pastWaits.length < LEAST_COMPARED) return unknown;
  const sorted = [...pastWaits].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] as number;
}
