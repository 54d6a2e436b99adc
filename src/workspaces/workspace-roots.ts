import { realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import { LeaseholdError } from '../errors/catalogue.js';
import { LocalTree } from './local-tree.js';

/** The folders of the service's machine that a caller may name. Where there are none, no path is allowed. */
export class WorkspaceRoots {
  constructor(private readonly roots: readonly string[]) {}

  /**
   * A folder that a caller has named, open.
   * @throws LeaseholdError local_path_not_allowed, whatever is or is not there: the answer tells nothing about it
   */
  async open(localPath: string): Promise<LocalTree> {
    const real = await this.resolved(localPath);
    if (real === null) throw notAllowed(localPath);
    // What has become a symlink since it was looked at is not followed.
    return await LocalTree.open(real).catch(() => {
      throw notAllowed(localPath);
    });
  }

  /** Where a path leads, through all symlinks on its way; null when that is not in a root. */
  async resolved(path: string): Promise<string | null> {
    // Only Linux lets a folder be held open and names be looked up from it.
    if (process.platform !== 'linux' || !path.startsWith('/') || path.includes('\0')) return null;
    const real = await realpath(path).catch(() => null);
    if (real === null) return null;
    for (const root of this.roots) {
      const allowed = await realpath(root).catch(() => null);
      if (allowed !== null && isWithin(real, allowed)) return real;
    }
    return null;
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function notAllowed(localPath: string): LeaseholdError {
  return new LeaseholdError(
    'local_path_not_allowed',
    `${JSON.stringify(localPath)} is not a folder under one of LEASEHOLD_WORKSPACE_ROOTS.`,
  );
}
