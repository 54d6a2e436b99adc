import { changesBetween, type Change } from './changes.js';
import type { Step } from './timeline.js';

export interface Diff {
  /** Positions of the log; of the newest event that counts where none was asked for. */
  readonly from: number;
  readonly to: number;
  readonly changes: readonly Change[];
}

/** Compares what a stream folds to at two positions; null: after its last step. It is told the steps from the first one on. */
export class Comparison {
  private newest = 0;
  private first: object | null = null;
  private last: object | null = null;

  constructor(
    private readonly from: number | null,
    private readonly to: number | null,
  ) {}

  add({ event: { position }, after }: Step<object>): void {
    this.newest = position;
    if (position <= (this.from ?? Infinity)) this.first = after;
    if (position <= (this.to ?? Infinity)) this.last = after;
  }

  get diff(): Diff {
    const [from, to] = [this.from ?? this.newest, this.to ?? this.newest];
    return { from, to, changes: changesBetween(this.first, this.last) };
  }
}
