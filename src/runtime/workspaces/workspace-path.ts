export const MAX_PATH_BYTES = 4_096;
const MAX_NAME_BYTES = 255;
/** Names in a path. */
const MAX_DEPTH = 128;

/** What Leasehold keeps in a workspace; it never travels. */
export const OWN_FOLDER = '.leasehold';

/**
 * A path within a workspace as it is named everywhere: relative, without `.`, `..` or an end in a slash; '' is the workspace
 * itself. Null for a name that is no such path, that would lead out of it, or that is too long or too deep.
 */
export function workspacePath(name: string): string | null {
  if (name.length > MAX_PATH_BYTES || Buffer.byteLength(name) > MAX_PATH_BYTES) return null;
  // U+FFFD stands for bytes that are no UTF-8: what it was cannot be told any more.
  if (name.startsWith('/') || /[\0\uFFFD\p{Surrogate}]/u.test(name)) return null;
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length > MAX_DEPTH) return null;
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

/** The folder that a path is in; '' is the workspace itself, which is in none. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}
