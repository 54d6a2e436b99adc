import { LeaseholdError } from '../../errors/catalogue.js';
import { gitOrNull, type GitCall } from './git.js';
import type { GitFolder } from './git-folder.js';
import type { Head } from './git-head.js';

/** @throws LeaseholdError repository_unusable for a head that git cannot tell anything of: it would be mistaken for one without commits */
export async function mustStandSomewhere(
  { commit, branch }: Omit<Head, 'objectFormat'>,
  common: GitFolder,
): Promise<void> {
  if (commit !== null) return;
  if (branch === null) throw unusable('Its HEAD names neither a branch nor a commit.');
  if (await common.has(`refs/heads/${branch}`)) throw unusable(`Its branch ${branch} does not name a commit.`);
}

/**
 * Whether the history before a commit lacks objects, as that of a partial clone may.
 * @param config the repository's @throws LeaseholdError repository_unusable when the commit itself is not whole
 */
export async function isCutOff(commit: string, config: string, call: GitCall): Promise<boolean> {
  if ((await gitOrNull(['cat-file', '-t', commit], call)) !== 'commit') {
    throw unusable(`The commit ${commit}, which is checked out, is missing, damaged or none.`);
  }
  const promised = ['config', '--file', config, '--get-regexp', '^(extensions\\.partialclone|remote\\..*\\.promisor)$'];
  // Elsewhere git says so when it reads them: all of a long history is looked through where some of it is expected to be missing.
  if ((await gitOrNull(promised)) === null || (await lacks([commit], call)) === 0) return false;
  const missing = await lacks(['--max-count=1', commit], call);
  if (missing === 0) return true;
  throw unusable(
    `It is a partial clone that lacks ${missing} of the objects of the commit ${commit}, which is checked out.`,
  );
}

export function unusable(why: string): LeaseholdError {
  return new LeaseholdError('repository_unusable', why);
}

/** How many objects are missing. Nothing is fetched. */
async function lacks(what: readonly string[], call: GitCall): Promise<number> {
  const listed = await gitOrNull(['rev-list', '--objects', '--missing=print', ...what], call);
  if (listed === null) throw unusable('Its history cannot be read: objects of it are missing or damaged.');
  return listed.split('\n').filter((line) => line.startsWith('?')).length;
}
