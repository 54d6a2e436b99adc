import { nextIn, type Candidate } from './fair-share.js';

export type Placed = Omit<Candidate, 'arrival'>;

interface Entry extends Candidate {
  readonly begin: () => void;
  readonly turnAway: () => void;
}

/**
 * Limits how many effects run in this process at once, and queues the rest. Shares are counted for each process: a company
 * that uses its full share everywhere still leaves room in each (decision 0030).
 */
export class EffectPlaces {
  private readonly underWay = new Set<Entry>();
  private readonly waiting = new Set<Entry>();
  private readonly served = new Map<string, number>();
  private arrivals = 0;
  private turns = 0;
  private isClosed = false;
  private onEmpty = (): void => undefined;

  constructor(private readonly places: number) {}

  /** Those of a company that wait for a place. */
  waitingOf(companyId: string): number {
    let count = 0;
    for (const entry of this.waiting) if (entry.companyId === companyId) count += 1;
    return count;
  }

  /** Does the work when it is its turn. @returns null when it never is: the places are closed */
  take<T>(placed: Placed, work: () => Promise<T>): Promise<{ readonly given: T } | null> {
    if (this.isClosed) return Promise.resolve(null);
    this.arrivals += 1;
    const arrival = this.arrivals;
    return new Promise((resolve, reject) => {
      const entry: Entry = {
        ...placed,
        arrival,
        begin: () => void this.occupied(entry, work).then((given) => resolve({ given }), reject),
        turnAway: () => resolve(null),
      };
      this.waiting.add(entry);
      this.letIn();
    });
  }

  /** Turns away who waits, and whoever comes. */
  close(): void {
    this.isClosed = true;
    for (const entry of this.waiting) entry.turnAway();
    this.waiting.clear();
  }

  /** Resolves when none is under way; to be asked once they are closed. */
  async empty(): Promise<void> {
    if (this.underWay.size > 0) await new Promise<void>((resolve) => (this.onEmpty = resolve));
  }

  private async occupied<T>(entry: Entry, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      this.underWay.delete(entry);
      this.forget(entry.companyId);
      this.letIn();
      if (this.underWay.size === 0) this.onEmpty();
    }
  }

  private letIn(): void {
    while (!this.isClosed) {
      const next = nextIn(this.places, this.underWay, this.waiting, this.served);
      if (next === null) return;
      this.waiting.delete(next);
      this.underWay.add(next);
      this.turns += 1;
      this.served.set(next.companyId, this.turns);
      next.begin();
    }
  }

  /** Who has nothing to do counts as not served, as one that was never here does. */
  private forget(companyId: string): void {
    const isHere = ({ companyId: other }: Entry): boolean => other === companyId;
    if (![...this.underWay].some(isHere) && ![...this.waiting].some(isHere)) this.served.delete(companyId);
  }
}
