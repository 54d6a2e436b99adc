import { constants } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { refused } from './git-folder.js';
import { gitOrNull } from './git.js';
import type { WorkspaceRoots } from './workspace-roots.js';

/**
 * Nothing in a git folder may lead out of the roots: not a symlink, and not where it says that more objects are. This is said before anything is
 * moved; that nothing is followed out later either is GitFolder's business.
 */
export async function mustStayWithin(roots: WorkspaceRoots, folder: string, seen = new Set<string>()): Promise<void> {
  if (seen.has(folder)) return;
  seen.add(folder);
  // What a symlink leads to may be a file.
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isFIFO()) throw refused('There is a pipe in it, which git would wait for.');
    if (entry.isSymbolicLink()) {
      await mustStayWithin(roots, await within(roots, join(entry.parentPath, entry.name)), seen);
    }
  }
  for (const objects of [join(folder, 'objects'), folder]) {
    const lines = await alternatesOf(objects);
    for (const line of lines.split('\n').filter((text) => text !== '' && !text.startsWith('#'))) {
      await mustStayWithin(roots, await within(roots, resolve(objects, line)), seen);
    }
  }
}

/** Git would read what a configuration includes, wherever it is. @param file of ours */
export async function mustIncludeNothing(file: string): Promise<void> {
  const asked = ['config', '--file', file, '--no-includes', '--get-regexp', '^include(if)?\\.'];
  if ((await gitOrNull(asked)) !== null) throw refused('Its configuration includes other files.');
}

export async function within(roots: WorkspaceRoots, path: string): Promise<string> {
  const real = await roots.resolved(path);
  if (real !== null) return real;
  throw refused('It leads out of LEASEHOLD_WORKSPACE_ROOTS.');
}

async function alternatesOf(objects: string): Promise<string> {
  // A pipe would be waited for.
  const flag = constants.O_RDONLY | constants.O_NONBLOCK;
  return await readFile(join(objects, 'info', 'alternates'), { encoding: 'utf8', flag }).catch(() => '');
}
