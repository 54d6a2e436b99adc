/** How the slots of a pool are shared. Set by an operator; all numbers are whole. */
export interface PoolPolicy {
  /** Slots: leases that the pool's environments may have at a time. */
  readonly capacity: number;
  /** By company id: its part of the slots beside the others that want some. */
  readonly weights: Readonly<Record<string, number>>;
  readonly defaultWeight: number;
  /** By company id: slots that it gets before anybody gets more than a guarantee. */
  readonly guarantees: Readonly<Record<string, number>>;
  /** By company id: the most slots that it may hold. */
  readonly caps: Readonly<Record<string, number>>;
  /** A company that has waited this long below its target without being given a slot goes first of all. */
  readonly overdueAfterSeconds: number;
  /** A request that has waited this long counts, inside its company, as one of the next higher priority. */
  readonly ageingSeconds: number;
}

/** An environment with a limit and no pool is a pool of its own, with these settings. */
export function defaultPolicy(capacity: number): PoolPolicy {
  return {
    capacity,
    weights: {},
    defaultWeight: 1,
    guarantees: {},
    caps: {},
    overdueAfterSeconds: 3_600,
    ageingSeconds: 600,
  };
}

export function weightOf({ weights, defaultWeight }: PoolPolicy, companyId: string): number {
  return weights[companyId] ?? defaultWeight;
}

/** Slots. */
export function guaranteeOf({ guarantees }: PoolPolicy, companyId: string): number {
  return guarantees[companyId] ?? 0;
}

/** Slots. */
export function capOf({ caps }: PoolPolicy, companyId: string): number {
  return caps[companyId] ?? Infinity;
}
