/** A generation that is being filled beside the live one. */
export interface RebuildStatus {
  readonly generation: number;
  readonly version: number;
  readonly subscription: string;
  readonly checkpoint: number;
  /** Of the log, from 0 to 1. */
  readonly progress: number;
  /** Streams parked here that the live generation shows: while there are any, it does not switch. */
  readonly parked: number;
  /** ISO 8601. */
  readonly startedAt: string;
}

export interface ProjectionStatus {
  readonly name: string;
  /** Of the code that runs here. */
  readonly codeVersion: number;
  /** Of the live generation. */
  readonly version: number;
  readonly generation: number;
  /** What feeds the live generation; ask the subscription runner for its parked streams. */
  readonly subscription: string;
  readonly checkpoint: number;
  readonly head: number;
  readonly lag: number;
  /** `still`: the live generation has a version that this code cannot feed. */
  readonly state: 'live' | 'rebuilding' | 'still';
  readonly parked: number;
  readonly rebuild: RebuildStatus | null;
  /** Generations that were live once and whose tables are still there. */
  readonly old: readonly number[];
}
