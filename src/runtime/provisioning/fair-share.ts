import type { LeaseEffect } from '../../domain/leases/state.js';

/** What the choice among waiting effects goes by. */
export interface Candidate {
  readonly companyId: string;
  readonly environmentId: string;
  readonly kind: LeaseEffect['kind'];
  /** The caller's: it counts among the effects of one company alone. */
  readonly priority: number;
  /** Grows with each that comes. */
  readonly arrival: number;
}

/** When companies were last given a place: a number that grows. Absent: not since they last had nothing to do. */
export type LastServed = ReadonlyMap<string, number>;

/**
 * How many of `places` one of several may have while the others have `others`: half of what these leave, rounded up. So one
 * that takes all it may leaves as many free, less one, and the next finds a place at once.
 */
export function shareOf(places: number, others: number): number {
  return Math.max(1, Math.ceil((places - others) / 2));
}

/**
 * Which of those that wait gets a free place, if any may. Among companies: the one with the fewest under way, then the one
 * served longest ago. Among a company's own: cleanups first, for they make room, then by priority, then by arrival. A company
 * has no more than its share of the places, and an environment no more than its share of its company's.
 */
export function nextIn<T extends Candidate>(
  places: number,
  underWay: Iterable<Candidate>,
  waiting: Iterable<T>,
  served: LastServed,
): T | null {
  const taken = new Taken(underWay);
  if (taken.all >= places) return null;
  let best: T | null = null;
  for (const candidate of waiting) {
    if (taken.hasRoomFor(candidate, places) && (best === null || isBefore(candidate, best, taken, served))) {
      best = candidate;
    }
  }
  return best;
}

/** How many are under way, by company and by environment. */
class Taken {
  private readonly companies = new Map<string, number>();
  private readonly environments = new Map<string, number>();
  all = 0;

  constructor(underWay: Iterable<Candidate>) {
    for (const { companyId, environmentId } of underWay) {
      this.all += 1;
      this.companies.set(companyId, this.ofCompany(companyId) + 1);
      this.environments.set(environmentId, this.ofEnvironment(environmentId) + 1);
    }
  }

  ofCompany(companyId: string): number {
    return this.companies.get(companyId) ?? 0;
  }

  private ofEnvironment(environmentId: string): number {
    return this.environments.get(environmentId) ?? 0;
  }

  hasRoomFor({ companyId, environmentId }: Candidate, places: number): boolean {
    const ofCompany = this.ofCompany(companyId);
    const share = shareOf(places, this.all - ofCompany);
    if (ofCompany >= share) return false;
    const ofEnvironment = this.ofEnvironment(environmentId);
    return ofEnvironment < shareOf(share, ofCompany - ofEnvironment);
  }
}

function isBefore(one: Candidate, other: Candidate, taken: Taken, served: LastServed): boolean {
  const order =
    one.companyId === other.companyId
      ? Number(other.kind === 'cleanup') - Number(one.kind === 'cleanup') || other.priority - one.priority
      : taken.ofCompany(one.companyId) - taken.ofCompany(other.companyId) ||
        (served.get(one.companyId) ?? 0) - (served.get(other.companyId) ?? 0);
  return (order || one.arrival - other.arrival) < 0;
}
