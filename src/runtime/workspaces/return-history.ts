import { GitError } from './git.js';
import type { LeaseSide } from './lease-side.js';
import { touchesLeftOut } from './left-out-paths.js';
import type { LocalRepository } from './local-repository.js';
import { READ_HEAD, SEND_HISTORY } from './remote-scripts.js';
import type { Spool } from './spool.js';
import type { KeptReason, ReturnedCommits } from './sync-names.js';
import type { WorkspaceBase } from './workspace-base.js';

/** Commits of the run that are in the local repository now, under a ref of their own. */
export interface TakenHistory {
  readonly commit: string;
  readonly ref: string;
  /** The branch that the run was on; null where it was on none. */
  readonly branch: string | null;
}

/**
 * Takes the commits that the run has made. Null when there are none.
 * @throws DriverError; GitError when they are not sound
 */
export async function takeHistory(
  side: LeaseSide,
  leaseId: string,
  base: WorkspaceBase,
  repository: LocalRepository,
  spool: Spool,
): Promise<TakenHistory | null> {
  const [commit = '', branch = ''] = (await side.text(READ_HEAD, [leaseId])).split('\n');
  if (!/^[0-9a-f]{40,64}$/.test(commit) || commit === base.head) return null;
  const bundle = await side.receive(SEND_HISTORY, [leaseId, base.head ?? ''], null, (output) => spool.keep(output));
  const taken = await repository.takeHistory(bundle, base.head);
  const ref = `refs/leasehold/${leaseId}`;
  await repository.keep(ref, taken);
  return { commit: taken, ref, branch: branch === '' ? null : branch };
}

/** Moves the local branch to what was taken, where nothing is lost by it. The files have come back already. */
export async function settleHistory(
  { commit, ref, branch }: TakenHistory,
  base: WorkspaceBase,
  repository: LocalRepository,
  hasConflicts: boolean,
): Promise<ReturnedCommits> {
  const kept = (reason: KeptReason): ReturnedCommits => ({ outcome: 'kept', commit, ref, reason });
  const { head } = repository;
  if (hasConflicts) return kept('conflicts');
  if (base.head === null || head.commit !== base.head) return kept('head_moved');
  if (branch === null || branch !== base.branch || head.branch !== branch) return kept('other_branch');
  if (!(await repository.leadsTo(base.head, commit))) return kept('not_a_descendant');
  if (await touchesLeftOut(repository, base.head, commit)) return kept('left_out_path');
  const moved = await repository.fastForward(branch, base.head, commit);
  return moved ? { outcome: 'fast_forwarded', commit, ref, reason: null } : kept('index_in_the_way');
}

/** What the run's history was refused for, where it was not sound; the files come back anyway. */
export function refusedHistory(error: unknown): ReturnedCommits {
  if (error instanceof GitError) return { outcome: 'refused', commit: '', ref: null, reason: null };
  throw error;
}
