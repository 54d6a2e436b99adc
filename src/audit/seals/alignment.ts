import { HASH_BYTES, hashAt } from './merkle-tree.js';

/** Leaf hashes of events whose positions follow each other. */
interface Run {
  readonly first: number;
  readonly leaves: Buffer;
}

/** An event's leaf hash, and the position that it has or was sealed at. */
interface Placed {
  readonly position: number;
  readonly leaf: Buffer;
}

/** How the events that there are differ from those that were sealed. */
export type Difference =
  | { readonly kind: 'changed'; readonly position: number }
  | { readonly kind: 'removed'; readonly position: number }
  /** `position` as it is in the log now. */
  | { readonly kind: 'inserted'; readonly position: number }
  | { readonly kind: 'moved'; readonly position: number; readonly to: number };

/** How far is looked ahead for where the two sequences meet again. */
export const LOOK_AHEAD = 1_024;

/** Differences kept at most; past it they are counted only. */
const MOST_KEPT = 10_000;

/**
 * Lays the events that there are beside those that were sealed, as both come, and says where they part. Leaves tell
 * nothing of positions, so that events which were all moved up by one are found to be that, and not all changed.
 */
export class Alignment {
  /** What has come and was not looked at yet. */
  private sealedRuns: Run[] = [];
  private actualRuns: Run[] = [];
  /** Of that, what is looked at one by one. */
  private sealed: Placed[] = [];
  private actual: Placed[] = [];
  private readonly missing: Placed[] = [];
  private readonly extra: Placed[] = [];
  /** What is now in the place of a missing one. */
  private readonly instead = new Map<Placed, Placed>();
  /** Positions that no seal speaks of though seals behind them do. */
  private readonly uncovered: { readonly from: number; readonly to: number }[] = [];
  /** How much further on than sealed the events are by now. */
  private shift = 0;
  /** Differences that are not kept. */
  more = 0;
  /** The first sealed event of those behind the last event that there is. */
  cutFrom: number | null = null;
  /** Events behind the last seal. */
  unsealed = 0;

  /** @param last the position before the first event that comes */
  constructor(private last: number) {}

  /** The position of the last event that has been looked at. */
  get lastPosition(): number {
    return this.last;
  }

  /** @param first the position of the first of the leaves; the others follow it */
  addSealed(first: number, leaves: Buffer): void {
    this.sealedRuns.push({ first, leaves });
  }

  addActual(first: number, leaves: Buffer): void {
    this.actualRuns.push({ first, leaves });
  }

  addUncovered(from: number, to: number): void {
    this.uncovered.push({ from, to });
  }

  /** Compares what has come, as far as it can be said already. */
  advance(ended: { readonly sealed: boolean; readonly actual: boolean }): void {
    this.passWhatIsTheSame();
    if (this.actualRuns.length === 0 && !ended.actual) return;
    this.sealed.push(...this.sealedRuns.splice(0).flatMap(placedOf));
    this.actual.push(...this.actualRuns.splice(0).flatMap(placedOf));
    let [i, j] = [0, 0];
    for (;;) {
      const [sealed, actual] = [this.sealed[i], this.actual[j]];
      if (sealed && actual) {
        if (actual.position !== sealed.position + this.shift || !actual.leaf.equals(sealed.leaf)) {
          const enough =
            (ended.sealed || this.sealed.length - i > LOOK_AHEAD) &&
            (ended.actual || this.actual.length - j > LOOK_AHEAD);
          if (!enough) break;
          const [skipped, passed] = this.part(sealed, actual, i, j);
          i += skipped;
          j += passed;
        } else {
          i += 1;
          j += 1;
        }
        this.last = this.actual[j - 1]?.position ?? this.last;
      } else if (actual && ended.sealed) {
        this.beyondSeals(actual.position);
        j += 1;
      } else if (sealed && ended.actual) {
        if (!this.isUncovered(sealed.position)) this.cutFrom ??= sealed.position;
        i += 1;
      } else break;
    }
    this.sealed = this.sealed.slice(i);
    this.actual = this.actual.slice(j);
  }

  /** Of a log that is as it was sealed, all: many at once, which takes a fraction of the time of one by one. */
  private passWhatIsTheSame(): void {
    while (this.sealed.length === 0 && this.actual.length === 0) {
      const [sealed, actual] = [this.sealedRuns[0], this.actualRuns[0]];
      if (!sealed || !actual || actual.first !== sealed.first + this.shift) return;
      const bytes = Math.min(sealed.leaves.length, actual.leaves.length);
      if (sealed.leaves.compare(actual.leaves, 0, bytes, 0, bytes) !== 0) return;
      this.sealedRuns.splice(0, 1, ...restOf(sealed, bytes));
      this.actualRuns.splice(0, 1, ...restOf(actual, bytes));
      this.last = actual.first + bytes / HASH_BYTES - 1;
    }
  }

  /** @returns how many of either side are settled by it */
  private part(sealed: Placed, actual: Placed, i: number, j: number): [number, number] {
    const expected = sealed.position + this.shift;
    if (actual.position < expected && this.isUncovered(actual.position - this.shift)) return [0, 1];
    if (actual.position > expected) {
      this.keepMissing(sealed);
      return [1, 0];
    }
    const inserted = this.searched ? meeting(sealed, this.sealed[i + 1], this.actual, j) : 0;
    if (inserted > 0) {
      for (const extra of this.actual.slice(j, j + inserted)) this.keepExtra(extra);
      this.shift += inserted;
      return [0, inserted];
    }
    const removed = this.searched ? meeting(actual, this.actual[j + 1], this.sealed, i) : 0;
    if (removed > 0) {
      for (const missing of this.sealed.slice(i, i + removed)) this.keepMissing(missing);
      this.shift -= removed;
      return [removed, 0];
    }
    if (this.searched) this.instead.set(sealed, actual);
    this.keepMissing(sealed);
    this.keepExtra(actual);
    return [1, 1];
  }

  /** Where so much is different, looking for where it meets again would take for ever. */
  private get searched(): boolean {
    return this.missing.length < MOST_KEPT && this.extra.length < MOST_KEPT;
  }

  private keepMissing(sealed: Placed): void {
    if (this.missing.length < MOST_KEPT) this.missing.push(sealed);
    else this.more += 1;
  }

  private keepExtra(actual: Placed): void {
    if (this.extra.length < MOST_KEPT) this.extra.push(actual);
  }

  /** What is not sealed yet tells nothing but that it has no gap. */
  private beyondSeals(position: number): void {
    for (let gap = this.last + 1; gap < position && this.searched; gap += 1) {
      this.missing.push({ position: gap, leaf: Buffer.alloc(0) });
    }
    this.last = position;
    this.unsealed += 1;
  }

  private isUncovered(position: number): boolean {
    return this.uncovered.some(({ from, to }) => from <= position && position <= to);
  }

  /** All that was found, by position. */
  differences(): Difference[] {
    const extras = new Map(this.extra.map((extra) => [extra.leaf.toString('latin1'), extra]));
    const found: Difference[] = [];
    const settled = new Set<Placed>();
    for (const missing of this.missing) {
      const moved = extras.get(missing.leaf.toString('latin1'));
      if (!moved || settled.has(moved)) continue;
      found.push({ kind: 'moved', position: missing.position, to: moved.position });
      settled.add(moved).add(missing);
    }
    for (const missing of this.missing) {
      if (settled.has(missing)) continue;
      const instead = this.instead.get(missing);
      const isChanged = instead !== undefined && !settled.has(instead);
      if (isChanged) settled.add(instead);
      found.push({ kind: isChanged ? 'changed' : 'removed', position: missing.position });
    }
    for (const extra of this.extra) {
      if (!settled.has(extra)) found.push({ kind: 'inserted', position: extra.position });
    }
    return found.sort((a, b) => a.position - b.position);
  }
}

/** How much further on in a sequence one is found again, followed by what follows it; 0 when it is not. */
function meeting(one: Placed, following: Placed | undefined, sequence: readonly Placed[], from: number): number {
  for (let steps = 1; steps <= LOOK_AHEAD; steps += 1) {
    const found = sequence[from + steps];
    if (!found) return 0;
    if (!found.leaf.equals(one.leaf)) continue;
    const next = sequence[from + steps + 1];
    if (!next || !following || next.leaf.equals(following.leaf)) return steps;
  }
  return 0;
}

function restOf({ first, leaves }: Run, bytes: number): Run[] {
  return leaves.length === bytes ? [] : [{ first: first + bytes / HASH_BYTES, leaves: leaves.subarray(bytes) }];
}

function placedOf({ first, leaves }: Run): Placed[] {
  const count = leaves.length / HASH_BYTES;
  return Array.from({ length: count }, (_, index) => ({ position: first + index, leaf: hashAt(leaves, index) }));
}
