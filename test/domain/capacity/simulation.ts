import { nextAdmission, type Admission } from '../../../src/domain/capacity/admission.js';
import { evolvePool, type PoolChange } from '../../../src/domain/capacity/evolve-pool.js';
import { defaultPolicy, type PoolPolicy } from '../../../src/domain/capacity/policy.js';
import { emptyPool, type Pool, type Request } from '../../../src/domain/capacity/pool.js';

/** What comes to a pool; times in seconds. */
export interface Wish {
  readonly at: number;
  readonly company: string;
  readonly hold: number;
  readonly priority?: number;
  readonly environment?: string;
  /** It asks anew, as another request, whenever it has waited this long. */
  readonly patience?: number;
}

export interface Served {
  readonly company: string;
  readonly at: number;
  readonly hold: number;
  readonly wait: number;
  readonly wish: Wish;
}

const LONGEST_HOLD = 3_600_000;

export function policyOf(capacity: number, changes: Partial<PoolPolicy> = {}): PoolPolicy {
  return { ...defaultPolicy(capacity), ...changes };
}

export function requestOf(wish: Wish, position: number, expectedWait: number | null = null): Request {
  return {
    leaseId: `lease-${position}`,
    companyId: wish.company,
    environmentId: wish.environment ?? 'environment',
    priority: wish.priority ?? 0,
    queuedAt: wish.at * 1000,
    position,
    longestHold: LONGEST_HOLD,
    expectedWait,
  };
}

interface Watch {
  /** Called with the pool after each change and the admissions that follow it. */
  readonly settled?: (pool: Pool) => void;
  readonly admitted?: (before: Pool, admission: Admission) => void;
  /** What a request is expected to wait, in milliseconds; asked when it comes. */
  readonly expected?: (pool: Pool, request: Request) => number | null;
}

/** Plays wishes through the rule: each lease keeps its slot for its hold. */
export function play(wishes: readonly Wish[], policy: PoolPolicy, until = Infinity, watch: Watch = {}): Served[] {
  const events = new Timeline();
  for (const wish of wishes) events.add(wish.at * 1000, { kind: 'wish', wish });
  const byLease = new Map<string, Wish>();
  const waiting = new Map<string, Request>();
  let requests = 0;
  const served: Served[] = [];
  let pool = emptyPool(policy);
  for (let event = events.next(); event !== null && event.at <= until * 1000; event = events.next()) {
    const { at, what } = event;
    if (what.kind === 'wish') {
      const { wish } = what;
      const bare = requestOf({ ...wish, at: at / 1000 }, (requests += 1));
      const withIt = evolvePool(pool, { kind: 'requested', at, request: bare });
      const request = { ...bare, expectedWait: watch.expected?.(withIt, bare) ?? null };
      byLease.set(request.leaseId, wish);
      waiting.set(request.leaseId, request);
      pool = evolvePool(pool, { kind: 'requested', at, request });
      if (wish.patience !== undefined) events.add(at + wish.patience * 1000, { kind: 'loses patience', request });
    } else if (what.kind === 'loses patience') {
      const { request } = what;
      if (!waiting.delete(request.leaseId)) continue;
      pool = evolvePool(pool, { kind: 'withdrawn', at, request });
      events.add(at, { kind: 'wish', wish: byLease.get(request.leaseId) as Wish });
    } else {
      pool = evolvePool(pool, what);
    }
    for (let admission = nextAdmission(pool); admission !== null; admission = nextAdmission(pool)) {
      watch.admitted?.(pool, admission);
      const { request } = admission;
      pool = evolvePool(pool, { kind: 'admitted', at, request });
      waiting.delete(request.leaseId);
      const wish = byLease.get(request.leaseId) as Wish;
      const hold = pool.companies.get(request.companyId)?.holds.get(request.leaseId);
      if (!hold) throw new Error('An admitted request holds a slot.');
      events.add(at + Math.round(wish.hold * 1000), { kind: 'freed', at: at + Math.round(wish.hold * 1000), hold });
      served.push({ company: wish.company, at: at / 1000, hold: wish.hold, wait: at / 1000 - wish.at, wish });
    }
    watch.settled?.(pool);
  }
  return served;
}

type What =
  | { readonly kind: 'wish'; readonly wish: Wish }
  | { readonly kind: 'loses patience'; readonly request: Request }
  | Extract<PoolChange, { kind: 'freed' }>;

/** A heap: what comes next. */
class Timeline {
  private readonly heap: { readonly at: number; readonly order: number; readonly what: What }[] = [];
  private count = 0;

  add(at: number, what: What): void {
    this.heap.push({ at, order: (this.count += 1), what });
    for (let child = this.heap.length - 1; child > 0;) {
      const parent = (child - 1) >> 1;
      if (!this.isBefore(child, parent)) break;
      this.swap(child, parent);
      child = parent;
    }
  }

  next(): { readonly at: number; readonly what: What } | null {
    const [first] = this.heap;
    const last = this.heap.pop();
    if (first === undefined || last === undefined) return null;
    if (this.heap.length > 0) this.heap[0] = last;
    for (let parent = 0; ;) {
      const [left, right] = [2 * parent + 1, 2 * parent + 2];
      let least = parent;
      if (left < this.heap.length && this.isBefore(left, least)) least = left;
      if (right < this.heap.length && this.isBefore(right, least)) least = right;
      if (least === parent) return first;
      this.swap(parent, least);
      parent = least;
    }
  }

  private isBefore(one: number, other: number): boolean {
    const [a, b] = [this.heap[one], this.heap[other]];
    if (!a || !b) throw new Error('Both are in the heap.');
    return a.at === b.at ? a.order < b.order : a.at < b.at;
  }

  private swap(one: number, other: number): void {
    const [a, b] = [this.heap[one], this.heap[other]];
    if (a && b) [this.heap[one], this.heap[other]] = [b, a];
  }
}

/** Numbers that look random and are the same every time: mulberry32. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Seconds, lognormal with this mean, from 20 seconds to an hour: how long runs of agents take. */
export function holdLike(random: () => number, mean: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.min(3600, Math.max(20, (Math.exp(0.8 * normal) * mean) / 1.377));
}

/** Percent of the slot time until then that a company had. */
export function shareOf(served: readonly Served[], company: string, until: number): number {
  const had = (name: string | null): number =>
    served
      .filter((one) => one.at < until && (name === null || one.company === name))
      .reduce((sum, { at, hold }) => sum + Math.min(hold, until - at), 0);
  return (100 * had(company)) / had(null);
}
