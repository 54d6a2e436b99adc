import type { LocalRepository } from './local-repository.js';
import { textOfPath, type GitPath } from './tracked-files.js';
import { isGitInternal, isOwn, workspacePath } from './workspace-path.js';

/**
 * Whether commits of a run change what was not in the lease, or what git could not compare there: submodules, files that git does not look at here,
 * names that cannot travel, and files with a filter. A branch that moved to them would have such a file deleted, or its content in the place of what
 * the filter makes of it.
 */
export async function touchesLeftOut({ tracked }: LocalRepository, from: string, to: string): Promise<boolean> {
  const changed = await tracked.changedBetween(from, to);
  if (changed.some(({ path, isSubmodule }) => isSubmodule || !canTravel(path))) return true;
  const { skipped, assumed } = await tracked.unseen(true);
  const unseen = new Set([...skipped, ...assumed]);
  if (changed.some(({ path }) => unseen.has(path))) return true;
  const paths = changed.map(({ path }) => path);
  for (const attributes of [null, from, to]) {
    if ((await tracked.filtered(paths, attributes)).length > 0) return true;
  }
  return false;
}

function canTravel(path: GitPath): boolean {
  const text = textOfPath(path);
  return text !== null && workspacePath(text) !== null && !isGitInternal(text) && !isOwn(text);
}
