import { access, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { LeaseholdError } from '../../errors/catalogue.js';
import type { Config } from '../../platform/config/config.js';
import { LocalTree } from './local-tree.js';

type RootSettings = Pick<Config, 'workspaceRoots' | 'dataDir'>;

/** The folders of the service's machine that a caller may name for a lease. Where there are none, no path is allowed. */
export class WorkspaceRoots {
  private readonly roots: readonly string[];
  /** The service's own, which is never a workspace, wherever it lies. */
  private readonly dataDir: string;

  /**
   * @param company the lease's
   * @param ofEveryCompany whether the caller may act for every company: what is no company's own is for those alone
   */
  constructor({ workspaceRoots, dataDir }: RootSettings, company: string, ofEveryCompany: boolean) {
    const allowed = workspaceRoots.filter((root) =>
      root.company === null ? ofEveryCompany : root.company === company,
    );
    this.roots = allowed.map(({ path }) => path);
    this.dataDir = dataDir;
  }

  /**
   * A folder that a caller has named, open.
   * @throws LeaseholdError local_path_not_allowed, whatever is or is not there: the answer tells nothing about it
   */
  async open(localPath: string): Promise<LocalTree> {
    const real = await this.resolved(localPath);
    if (real === null || (await this.isOwn(real))) throw notAllowed(localPath);
    if (await isInGitFolder(real)) {
      throw notAllowed(localPath, 'It is in a git folder: what is written there may be run by the next git command.');
    }
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
    return real !== null && (await this.hold(real)) ? real : null;
  }

  /** Whether a path, which has no symlinks, is in a root. */
  async hold(path: string): Promise<boolean> {
    for (const root of this.roots) {
      const allowed = await realpath(root).catch(() => null);
      if (allowed !== null && isWithin(path, allowed)) return true;
    }
    return false;
  }

  private async isOwn(path: string): Promise<boolean> {
    const own = await realpath(this.dataDir).catch(() => null);
    return own !== null && (isWithin(path, own) || isWithin(own, path));
  }
}

export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** Whether a path is a repository's own folder or in one, by its name or, as bare ones have any name, by what is in it. */
async function isInGitFolder(path: string): Promise<boolean> {
  if (path.split(sep).some((name) => name.toLowerCase() === '.git')) return true;
  for (let folder = path; folder !== dirname(folder); folder = dirname(folder)) {
    if (!(await isThere(join(folder, 'HEAD')))) continue;
    if (await isThere(join(folder, 'commondir'))) return true;
    if ((await isThere(join(folder, 'objects'))) && (await isThere(join(folder, 'refs')))) return true;
  }
  return false;
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

function notAllowed(localPath: string, why = ''): LeaseholdError {
  return new LeaseholdError(
    'local_path_not_allowed',
    why === ''
      ? `${JSON.stringify(localPath)} is not a folder under one of LEASEHOLD_WORKSPACE_ROOTS that this caller may use for this lease’s company.`
      : why,
  );
}
