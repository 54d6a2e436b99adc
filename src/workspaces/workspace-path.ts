const MAX_PATH_BYTES = 4_096;
const MAX_NAME_BYTES = 255;

/** What Leasehold keeps in a workspace; it never travels. */
export const OWN_FOLDER = '.leasehold';

/**
 * A path within a workspace as it is named everywhere: relative, without `.`, `..` or an end in a slash; '' is the workspace
 * itself. Null for a name that is no such path, or that would lead out of it.
 */
export function workspacePath(name: string): string | null {
  // U+FFFD stands for bytes that are no UTF-8: what it was cannot be told any more.
  if (name.startsWith('/') || /[\0\uFFFD\p{Surrogate}]/u.test(name) || Buffer.byteLength(name) > MAX_PATH_BYTES)
    return null;
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.some((part) => part === '..' || Buffer.byteLength(part) > MAX_NAME_BYTES)) return null;
  return parts.join('/');
}

export function isOwn(path: string): boolean {
  return path === OWN_FOLDER || path.startsWith(`${OWN_FOLDER}/`);
}

/** Whether it is in a repository's own folder: what is written there may be run by the next git command. */
export function isGitInternal(path: string): boolean {
  return path.split('/').some((part) => part.toLowerCase() === '.git');
}

/** Those of a path's parents that are in the workspace, the outermost first. */
export function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
}
