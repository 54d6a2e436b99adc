import { capOf, guaranteeOf, weightOf, type PoolPolicy } from './policy.js';
import {
  goesBefore,
  quotaLeftOf,
  SLOT,
  takesOneMore,
  UNLIMITED,
  type Company,
  type Environment,
  type Hold,
  type Pool,
  type Request,
} from './pool.js';
import { waterFill } from './water-filling.js';

/** What happens to a pool, each at a recorded time in milliseconds. */
export type PoolChange =
  | { readonly kind: 'requested'; readonly at: number; readonly request: Request }
  /** It waits no longer: it was released, or has waited too long. */
  | { readonly kind: 'withdrawn'; readonly at: number; readonly request: Request }
  | { readonly kind: 'admitted'; readonly at: number; readonly request: Request }
  | { readonly kind: 'freed'; readonly at: number; readonly hold: Hold }
  /** It ends later than it was said to. */
  | { readonly kind: 'extended'; readonly at: number; readonly hold: Hold }
  | { readonly kind: 'policy'; readonly at: number; readonly policy: PoolPolicy }
  | {
      readonly kind: 'environment';
      readonly at: number;
      readonly environmentId: string;
      readonly limit: Pick<Environment, 'maxLeases' | 'isOpen'>;
    }
  | { readonly kind: 'quota'; readonly at: number; readonly companyId: string; readonly left: number | null };

const REMEMBERED = 128;
/** Before so many leases have ended, what they say of the next ones is chance. */
const LEAST_KNOWN = 32;
/** In milliseconds. The bounds keep credits within whole numbers. */
const [FIRST_MEAN_HOLD, SHORTEST_MEAN_HOLD, LONGEST_MEAN_HOLD] = [600_000, 1_000, 86_400_000];

/** The pool after a change. What it was owed until then is counted with the targets of that time. */
export function evolvePool(before: Pool, change: PoolChange): Pool {
  const pool = atTime(before, change.at);
  switch (change.kind) {
    case 'requested': {
      const { request } = change;
      const { company, turns } = known(pool, request.companyId);
      const line = company.lines.get(request.environmentId) ?? [];
      const lines = withEntry(company.lines, request.environmentId, inserted(line, request, pool.policy));
      return settled({
        ...pool,
        turns,
        companies: withEntry(pool.companies, request.companyId, { ...company, lines }),
      });
    }
    case 'withdrawn':
      return settled(withoutRequest(pool, change.request));
    case 'admitted': {
      const { request } = change;
      const { leaseId, companyId, environmentId, longestHold, expectedWait } = request;
      const hold = { leaseId, companyId, environmentId, admittedAt: pool.at, endsAt: pool.at + longestHold };
      const { company, turns } = known(withoutRequest(pool, request), companyId);
      const given = {
        ...company,
        belowSince: null,
        turn: turns,
        holds: withEntry(company.holds, leaseId, hold),
      };
      const pastWaits =
        expectedWait === null || expectedWait <= 0
          ? pool.pastWaits
          : remembered(pool.pastWaits, Math.round(((pool.at - request.queuedAt) * 100) / expectedWait));
      return settled({
        ...pool,
        pastWaits,
        turns: turns + 1,
        held: pool.held + 1,
        companies: withEntry(pool.companies, companyId, given),
        environments: withHeld(pool, environmentId, 1),
        quotasLeft: withQuota(pool, companyId, -1),
      });
    }
    case 'freed': {
      const { leaseId, companyId, environmentId, admittedAt } = change.hold;
      const company = pool.companies.get(companyId);
      if (!company?.holds.has(leaseId)) return pool;
      const left = { ...company, holds: withoutEntry(company.holds, leaseId) };
      return settled({
        ...pool,
        held: pool.held - 1,
        companies: withEntry(pool.companies, companyId, left),
        environments: withHeld(pool, environmentId, -1),
        quotasLeft: withQuota(pool, companyId, 1),
        pastHolds: remembered(pool.pastHolds, pool.at - admittedAt),
      });
    }
    case 'extended': {
      const { hold } = change;
      const company = pool.companies.get(hold.companyId);
      if (!company?.holds.has(hold.leaseId)) return pool;
      const extended = { ...company, holds: withEntry(company.holds, hold.leaseId, hold) };
      return { ...pool, companies: withEntry(pool.companies, hold.companyId, extended) };
    }
    case 'policy': {
      const { policy } = change;
      return settled({ ...pool, policy, companies: ordered(pool.companies, policy) });
    }
    case 'environment': {
      const { held } = pool.environments.get(change.environmentId) ?? UNLIMITED;
      const environment = { ...change.limit, held };
      return settled({ ...pool, environments: withEntry(pool.environments, change.environmentId, environment) });
    }
    case 'quota': {
      const { companyId, left } = change;
      const quotasLeft =
        left === null ? withoutEntry(pool.quotasLeft, companyId) : withEntry(pool.quotasLeft, companyId, left);
      return settled({ ...pool, quotasLeft });
    }
  }
}

/**
 * How long a lease that has a slot now is likely to keep it in all, in milliseconds: the mean of past holds by slot time,
 * so that many short ones do not hide a few long ones. Credits are measured by it.
 */
export function meanHold({ pastHolds }: Pool): number {
  if (pastHolds.length < LEAST_KNOWN) return FIRST_MEAN_HOLD;
  const seconds = pastHolds.map((hold) => hold / 1_000);
  const sum = seconds.reduce((total, hold) => total + hold, 0);
  if (sum === 0) return SHORTEST_MEAN_HOLD;
  const squares = seconds.reduce((total, hold) => total + hold * hold, 0);
  return Math.min(LONGEST_MEAN_HOLD, Math.max(SHORTEST_MEAN_HOLD, Math.round((squares / sum) * 1_000)));
}

/**
 * While a company waits it is owed the difference between its target and what it holds. Bounded, so that nobody saves up
 * for more than two leases, or pays for more than half of one.
 */
function atTime(pool: Pool, at: number): Pool {
  const elapsed = at - pool.at;
  if (elapsed <= 0) return pool;
  const hold = meanHold(pool);
  const companies = new Map<string, Company>();
  for (const [id, company] of pool.companies) {
    const owed = company.credit + (company.target - company.holds.size * SLOT) * elapsed;
    const credit = Math.min(2 * SLOT * hold, Math.max(-SLOT * Math.floor(hold / 2), owed));
    companies.set(id, company.eligible > 0 ? { ...company, credit } : company);
  }
  return { ...pool, at, companies };
}

/** With the targets that follow from who wants what now. */
function settled(pool: Pool): Pool {
  const claims = [...pool.companies]
    .filter(([, { holds, lines }]) => holds.size > 0 || lines.size > 0)
    .map(([id, company]) => {
      const held = company.holds.size;
      const eligible = eligibleOf(pool, id, company);
      const wanted = Math.max(held, Math.min(capOf(pool.policy, id), held + eligible));
      const atLeast = Math.min(wanted, guaranteeOf(pool.policy, id));
      const weight = weightOf(pool.policy, id);
      return { id, company, held, eligible, wanted, weight, atLeast: atLeast * SLOT, atMost: wanted * SLOT };
    });
  const targets = waterFill(pool.policy.capacity * SLOT, claims);
  const companies = claims.map(({ id, company, held, eligible, wanted }, index): [string, Company] => {
    const target = targets[index] as number;
    // Without a slot it is below, however small its weight: nobody starves.
    const isBelow = wanted > held && (held === 0 || held * SLOT < target);
    const belowSince = isBelow ? (company.belowSince ?? pool.at) : null;
    const isAsBefore = eligible === company.eligible && target === company.target && belowSince === company.belowSince;
    return [id, isAsBefore ? company : { ...company, eligible, target, belowSince }];
  });
  return { ...pool, companies: new Map(companies) };
}

function eligibleOf(pool: Pool, companyId: string, { lines }: Company): number {
  let waiting = 0;
  for (const [environmentId, line] of lines) if (takesOneMore(pool, environmentId)) waiting += line.length;
  return Math.min(waiting, quotaLeftOf(pool, companyId));
}

/** A company of the pool; one that comes anew is the last in turn, and is owed nothing. */
function known(pool: Pool, companyId: string): { readonly company: Company; readonly turns: number } {
  const { turns } = pool;
  const company = pool.companies.get(companyId);
  if (company) return { company, turns };
  const newcomer = { holds: new Map(), lines: new Map(), eligible: 0, target: 0, credit: 0, belowSince: null };
  return { company: { ...newcomer, turn: turns }, turns: turns + 1 };
}

function inserted(line: readonly Request[], request: Request, policy: PoolPolicy): readonly Request[] {
  const place = placeIn(line, request, policy);
  return [...line.slice(0, place), request, ...line.slice(place)];
}

function withoutRequest(pool: Pool, request: Request): Pool {
  const { leaseId, companyId, environmentId } = request;
  const company = pool.companies.get(companyId);
  const line = company?.lines.get(environmentId);
  if (!company || !line) return pool;
  const place = placeIn(line, request, pool.policy);
  if (line[place]?.leaseId !== leaseId) return pool;
  const rest = [...line.slice(0, place), ...line.slice(place + 1)];
  const lines =
    rest.length > 0 ? withEntry(company.lines, environmentId, rest) : withoutEntry(company.lines, environmentId);
  return { ...pool, companies: withEntry(pool.companies, companyId, { ...company, lines }) };
}

/** The number of those that go before it. */
function placeIn(line: readonly Request[], request: Request, policy: PoolPolicy): number {
  let [low, high] = [0, line.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (goesBefore(line[middle] as Request, request, policy)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function ordered(companies: Pool['companies'], policy: PoolPolicy): Pool['companies'] {
  const inOrder = (line: readonly Request[]): readonly Request[] =>
    [...line].sort((one, other) => (goesBefore(one, other, policy) ? -1 : 1));
  return new Map(
    [...companies].map(([id, company]) => [
      id,
      { ...company, lines: new Map([...company.lines].map(([environmentId, line]) => [environmentId, inOrder(line)])) },
    ]),
  );
}

function withHeld({ environments }: Pool, environmentId: string, by: 1 | -1): Pool['environments'] {
  const environment = environments.get(environmentId) ?? UNLIMITED;
  const next = { ...environment, held: environment.held + by };
  const isWorthKeeping = next.held > 0 || next.maxLeases !== null || !next.isOpen;
  return isWorthKeeping ? withEntry(environments, environmentId, next) : withoutEntry(environments, environmentId);
}

function withQuota({ quotasLeft }: Pool, companyId: string, by: 1 | -1): Pool['quotasLeft'] {
  const left = quotasLeft.get(companyId);
  return left === undefined ? quotasLeft : withEntry(quotasLeft, companyId, left + by);
}

function remembered(past: readonly number[], one: number): readonly number[] {
  return [...past, one].slice(-REMEMBERED);
}

function withEntry<Value>(map: ReadonlyMap<string, Value>, key: string, value: Value): ReadonlyMap<string, Value> {
  return new Map(map).set(key, value);
}

function withoutEntry<Value>(map: ReadonlyMap<string, Value>, key: string): ReadonlyMap<string, Value> {
  const rest = new Map(map);
  rest.delete(key);
  return rest;
}
