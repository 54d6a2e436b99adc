import type { ConflictKind } from './decide.js';

/** A path whose two sides have both changed: the local one was left as it is. */
export interface Conflict {
  readonly path: string;
  readonly kind: ConflictKind;
}

/** Something that did not travel, and why. */
export interface LeftOut {
  readonly path: string;
  readonly why: string;
}

export const COMMIT_OUTCOMES = ['fast_forwarded', 'kept', 'refused'] as const;
export type CommitOutcome = (typeof COMMIT_OUTCOMES)[number];

/** Why commits were only kept under their ref. */
export const KEPT_REASONS = [
  'conflicts',
  'head_moved',
  'other_branch',
  'not_a_descendant',
  /** They change what is not in the lease, or what git cannot compare there: submodules, a sparse checkout’s rest, files with a filter. */
  'left_out_path',
  'index_in_the_way',
] as const;
export type KeptReason = (typeof KEPT_REASONS)[number];

/** The commits that the run has made. */
export interface ReturnedCommits {
  readonly outcome: CommitOutcome;
  readonly commit: string;
  /** Keeps them in the local repository; null when they were refused. */
  readonly ref: string | null;
  readonly reason: KeptReason | null;
}
