import { Readable } from 'node:stream';
import type { LeaseSide } from './lease-side.js';
import { INFO_FILES, type LocalRepository } from './local-repository.js';
import { ADD_TO_GIT_FILE, SETTLE_INDEX, UNSEE } from './remote-scripts.js';
import { settingsText } from './repository-settings.js';
import { nulEnded, nulParts, textOfPath, type GitPath, type TrackedFiles } from './tracked-files.js';

/** Why git in the lease does not look at a file that is there. */
export const FILTERED =
  'it came, but its filter does not run in the lease: git there does not see what is changed in it';

/** Gives git in the lease what decides here what it sees. */
export async function sendSettings(side: LeaseSide, leaseId: string, repository: LocalRepository): Promise<void> {
  const settings = [...repository.settings, STAY_UNSEEN];
  await side.runScript(ADD_TO_GIT_FILE, [leaseId, 'config'], settingsText(settings));
  for (const name of INFO_FILES) {
    const info = await repository.info(name);
    if (/^[^#\n]/m.test(info.toString('latin1')))
      await side.runScript(ADD_TO_GIT_FILE, [leaseId, `info/${name}`], info);
  }
}

/** In a sparse checkout git would look again at what is there. */
const STAY_UNSEEN = ['sparse.expectfilesoutsideofpatterns', 'true'] as const;

/**
 * Makes git see in the lease what it sees here. What was not sent, and what it cannot compare there, would look deleted or changed to it, and be
 * committed so: it does not look at those.
 * @param sent the paths that are there
 */
export async function settleIndex(
  side: LeaseSide,
  leaseId: string,
  repository: LocalRepository,
  sent: ReadonlySet<string>,
  leave: (path: string, why: string) => void,
): Promise<void> {
  const { tracked, head } = repository;
  if (head.commit === null) return;
  const unseen = await tracked.unseen();
  const changedThere = await changesThere(side, leaseId, unseen.submodules);
  const { absent, filtered, other } = await wronglyChanged(changedThere, tracked, sent);
  for (const path of filtered) leave(textOfPath(path) ?? path, FILTERED);
  const known = unseen.skipped.length + unseen.assumed.length > 0 ? await tracked.inCommit(head.commit) : null;
  const assumed = new Set(inBoth(unseen.assumed, known));
  await unsee(side, leaseId, '--assume-unchanged', [...assumed]);
  const skipped = [...inBoth(unseen.skipped, known), ...absent, ...filtered, ...other].filter(
    (path) => !assumed.has(path),
  );
  await unsee(side, leaseId, '--skip-worktree', skipped);
}

async function changesThere(side: LeaseSide, leaseId: string, submodules: readonly GitPath[]): Promise<GitPath[]> {
  const input = Readable.from([Buffer.from(nulEnded(submodules), 'latin1')]);
  return await side.receive(SETTLE_INDEX, [leaseId], input, async (output) => {
    const chunks: Buffer[] = [];
    for await (const chunk of output as AsyncIterable<Buffer>) chunks.push(chunk);
    return nulParts(Buffer.concat(chunks).toString('latin1'));
  });
}

/** What git takes for changed there, but not here. */
async function wronglyChanged(
  changedThere: readonly GitPath[],
  tracked: TrackedFiles,
  sent: ReadonlySet<string>,
): Promise<{ absent: GitPath[]; filtered: GitPath[]; other: GitPath[] }> {
  if (changedThere.length === 0) return { absent: [], filtered: [], other: [] };
  const here = await tracked.changes();
  const isThere = (path: GitPath): boolean => sent.has(textOfPath(path) ?? '');
  const present = changedThere.filter(isThere);
  // No filter runs here either, so that what has one may look changed here too.
  const filtered = await tracked.filtered(present);
  const isFiltered = new Set(filtered);
  return {
    absent: changedThere.filter((path) => !isThere(path) && here.get(path) !== 'deleted'),
    filtered,
    other: present.filter((path) => !here.has(path) && !isFiltered.has(path)),
  };
}

async function unsee(side: LeaseSide, leaseId: string, how: string, paths: readonly GitPath[]): Promise<void> {
  if (paths.length > 0) await side.runScript(UNSEE, [leaseId, how], Buffer.from(nulEnded(paths), 'latin1'));
}

function inBoth(paths: readonly GitPath[], known: ReadonlySet<GitPath> | null): GitPath[] {
  return paths.filter((path) => known?.has(path) ?? false);
}
