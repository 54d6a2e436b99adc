/** One thing in a workspace. Modes are the nine permission bits; a symlink has none. */
export type Entry =
  | { readonly type: 'file'; readonly mode: number; readonly size: number; readonly sha256: string }
  | { readonly type: 'symlink'; readonly target: string }
  | { readonly type: 'directory'; readonly mode: number }
  /** A device, a socket or a pipe: it is never read and never replaced. */
  | { readonly type: 'other' };

export const CONFLICT_KINDS = [
  'changed_on_both_sides',
  'added_on_both_sides',
  'changed_here_deleted_by_run',
  'deleted_here_changed_by_run',
  /** A file or a symlink is here where the run has a folder, or a folder with other things in it where it has a file. */
  'blocked',
] as const;
export type ConflictKind = (typeof CONFLICT_KINDS)[number];

export type MergeStep =
  /** Nothing to do: the run has not changed it, or both sides are the same. */
  | { readonly kind: 'keep' }
  | { readonly kind: 'take' }
  | { readonly kind: 'delete' }
  | { readonly kind: 'conflict'; readonly conflict: ConflictKind };

/**
 * What becomes of one path when a workspace comes back: only what the run has changed is taken, and only where nobody has
 * changed it here meanwhile. Null: there is nothing at the path.
 * @param base as it was sent @param run as the run has left it @param here as it is at the destination now
 */
export function mergeStep(base: Entry | null, run: Entry | null, here: Entry | null): MergeStep {
  if (sameEntry(base, run) || sameEntry(run, here)) return { kind: 'keep' };
  // A folder is there for what is in it, which has paths of its own; where nothing is here, it is in nobody's way.
  if (run?.type === 'directory' && here === null) return { kind: 'take' };
  const [before, now] = run?.type === 'directory' ? [base, here] : [withoutFolder(base), withoutFolder(here)];
  if (sameEntry(before, now)) return run === null ? { kind: 'delete' } : { kind: 'take' };
  return { kind: 'conflict', conflict: conflictOf(before, run, now) };
}

export function sameEntry(one: Entry | null, other: Entry | null): boolean {
  if (one === null || other === null) return one === other;
  switch (one.type) {
    case 'file':
      return other.type === 'file' && one.mode === other.mode && one.size === other.size && one.sha256 === other.sha256;
    case 'symlink':
      return other.type === 'symlink' && one.target === other.target;
    case 'directory':
      return other.type === 'directory';
    case 'other':
      return false;
  }
}

function withoutFolder(entry: Entry | null): Entry | null {
  return entry?.type === 'directory' ? null : entry;
}

function conflictOf(base: Entry | null, run: Entry | null, here: Entry | null): ConflictKind {
  if (run === null) return 'changed_here_deleted_by_run';
  if (here === null) return 'deleted_here_changed_by_run';
  return base === null ? 'added_on_both_sides' : 'changed_on_both_sides';
}
