import type { Entry } from './decide.js';
import type { LocalTree } from './local-tree.js';
import { parentOf } from './workspace-path.js';

/** What git knows a repository by that has no `.git`: all of these, or the first and `commondir`, which says where the others are. */
const PARTS = ['HEAD', 'objects', 'refs', 'commondir'] as const;
type Part = (typeof PARTS)[number];

/**
 * The folders, under any name, that git would consider repositories once a run's files are here: it would read their configuration, which
 * may name programs. One part may come from the run and another may already be here. '' is the workspace itself.
 */
export async function bareRepositories(run: ReadonlyMap<string, Entry>, tree: LocalTree): Promise<Set<string>> {
  const parts = new Map<string, Set<Part>>();
  for (const path of run.keys()) {
    const names = path.split('/');
    for (const [index, name] of names.entries()) {
      if (!isPart(name)) continue;
      const folder = names.slice(0, index).join('/');
      const found = parts.get(folder) ?? new Set();
      parts.set(folder, found.add(name));
    }
  }
  const repositories = new Set<string>();
  // At the top, git sees `.git` first.
  if ((await tree.look('.git')).entry !== null) parts.delete('');
  for (const [folder, found] of parts) {
    for (const part of PARTS) {
      if (found.has(part)) continue;
      const { entry } = await tree.look(folder === '' ? part : `${folder}/${part}`);
      if (entry !== null) found.add(part);
    }
    if (found.has('HEAD') && (found.has('commondir') || (found.has('objects') && found.has('refs')))) {
      repositories.add(folder);
    }
  }
  return repositories;
}

/** Whether a path is in one of some folders. */
export function isInOneOf(folders: ReadonlySet<string>, path: string): boolean {
  if (folders.size === 0) return false;
  for (let folder = parentOf(path); folder !== ''; folder = parentOf(folder)) if (folders.has(folder)) return true;
  return folders.has('');
}

function isPart(name: string): name is Part {
  return (PARTS as readonly string[]).includes(name);
}
