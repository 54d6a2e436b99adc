import type { GitFolder } from './git-folder.js';
import { workspacePath } from './workspace-path.js';

/** Where a repository stands. */
export interface Head {
  readonly objectFormat: string;
  /** Null: it has no commit yet. */
  readonly commit: string | null;
  /** Null: none is checked out. */
  readonly branch: string | null;
  /** The commits whose parents are missing, where it is a shallow clone. */
  readonly shallow: readonly string[];
}

export const HASH = /^[0-9a-f]{40,64}$/;
const BRANCHES = 'refs/heads/';
/** As many as git follows. */
const MAX_STEPS = 5;

/** What is checked out. @param common the git folder that all worktrees share, where the refs are */
export async function headOf(gitDir: GitFolder, common: GitFolder): Promise<Omit<Head, 'objectFormat'>> {
  let value = (await gitDir.text('HEAD')).trim();
  let ref: string | null = null;
  for (let step = 0; step < MAX_STEPS && value.startsWith('ref:'); step += 1) {
    ref = value.slice('ref:'.length).trim();
    value = (await refValue(common, ref)) ?? '';
  }
  const shallow = (await common.text('shallow')).split('\n');
  return {
    commit: HASH.test(value) ? value : null,
    branch: ref?.startsWith(BRANCHES) ? ref.slice(BRANCHES.length) : null,
    shallow: shallow.filter((line) => HASH.test(line)),
  };
}

/** What a ref says: a commit, or `ref:` and another one. Null when there is none of this name. */
export async function refValue(common: GitFolder, ref: string): Promise<string | null> {
  // A name is a path: it must not lead out.
  if (!ref.startsWith('refs/') || workspacePath(ref) !== ref) return null;
  const loose = (await common.text(ref)).trim();
  if (loose !== '') return loose;
  for (const line of (await common.text('packed-refs')).split('\n')) {
    const [commit = '', name] = line.split(' ');
    if (name === ref && HASH.test(commit)) return commit;
  }
  return null;
}
