import type { ArchiveEntry } from './archive-reader.js';
import type { LocalTree } from './local-tree.js';
import { PathTree } from './path-tree.js';
import { isGitInternal, isOwn, workspacePath } from './workspace-path.js';

type Leave = (path: string, why: string) => void;

/**
 * The entries of a folder that are sent, ordered by path. Read the content of a file before asking for the next entry.
 * @param paths those that git names; null: all
 * @throws LeaseholdError archive_too_large
 */
export async function* localEntries(
  tree: LocalTree,
  paths: readonly string[] | null,
  leave: Leave,
): AsyncGenerator<ArchiveEntry> {
  const places = new PathTree();
  for await (const path of paths ? inOrder(paths) : walk(tree, '', leave)) {
    if (isOwn(path)) continue;
    if (workspacePath(path) === null || isGitInternal(path)) {
      places.count(path);
      leave(path, 'its name cannot be copied');
      continue;
    }
    const { entry, modified } = await tree.look(path);
    // Deleted, or beyond a symlink.
    if (entry === null) continue;
    const isFolder = entry.type === 'directory' && paths === null;
    const why = isFolder ? places.folder(path) : places.leaf(path, entry.type === 'symlink' ? entry.target : '');
    if (why !== null) leave(path, why);
    else if (entry.type === 'other') leave(path, 'it is not a file, folder or symlink');
    else if (entry.type === 'symlink') yield { path, item: entry };
    else if (entry.type === 'file') {
      const { mode, size } = entry;
      yield { path, item: { type: 'file', mode, size, modified, content: tree.content(path) } };
    } else if (paths) leave(path, 'it is a repository of its own');
    else yield { path, item: entry };
  }
}

function* inOrder(paths: readonly string[]): Generator<string> {
  for (const path of [...paths].sort()) yield path.replace(/\/$/, '');
}

async function* walk(tree: LocalTree, folder: string, leave: Leave): AsyncGenerator<string> {
  for (const name of (await tree.names(folder)).sort()) {
    const path = folder === '' ? name : `${folder}/${name}`;
    if (isOwn(path)) continue;
    if (isGitInternal(name)) {
      leave(path, 'it is a repository’s own folder');
      continue;
    }
    yield path;
    // What is deeper than that cannot travel either.
    if (workspacePath(path) === null) continue;
    const { entry } = await tree.look(path);
    if (entry?.type === 'directory') yield* walk(tree, path, leave);
  }
}
