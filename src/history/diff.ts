import { changesBetween, type Change } from './changes.js';
import type { Step } from './timeline.js';

export interface Diff {
  /** Positions of the log; of the newest event that counts where none was asked for. */
  readonly from: number;
  readonly to: number;
  readonly changes: readonly Change[];
}

/**
 * @param steps from the first event on
 * @param to null: after the last step
 */
export function diffOf(steps: readonly Step<object>[], from: number | null, to: number | null): Diff {
  const newest = steps.at(-1)?.event.position ?? 0;
  const stateAt = (position: number): object | null =>
    steps.findLast(({ event }) => event.position <= position)?.after ?? null;
  const [first, last] = [from ?? newest, to ?? newest];
  return { from: first, to: last, changes: changesBetween(stateAt(first), stateAt(last)) };
}
