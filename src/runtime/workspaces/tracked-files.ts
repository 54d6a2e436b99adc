import { gitBytes, type GitCall } from './git.js';

/** A path as git has it, a character for each byte: it need not be UTF-8. */
export type GitPath = string;

/** Tracked files that git does not look at, and folders that are not its own. */
export interface UnseenFiles {
  /** By skip-worktree: of a sparse checkout, or by a user's wish. */
  readonly skipped: readonly GitPath[];
  /** By assume-unchanged. */
  readonly assumed: readonly GitPath[];
  readonly submodules: readonly GitPath[];
}

const SUBMODULE = '160000';

/** What git tracks in a workspace on the service's machine. Nothing that the repository names is run for it. */
export class TrackedFiles {
  /**
   * @param call git with the workspace's index and, as its HEAD, what is checked out
   * @param spareIndex a file that may be written
   */
  constructor(
    private readonly call: GitCall,
    private readonly spareIndex: string,
  ) {}

  /** @param asMarked also those that git looks at because they are there in spite of their sparse checkout */
  async unseen(asMarked = false): Promise<UnseenFiles> {
    const how = asMarked ? ['-c', 'core.sparseCheckout=false'] : [];
    const lines = await this.list([...how, 'ls-files', '-z', '-s', '-v']);
    const found = lines.map((line) => {
      const [, tag = '', mode = '', path = ''] = /^(\S) (\d+) \S+ \d\t(.*)$/s.exec(line) ?? [];
      return { tag, mode, path };
    });
    const paths = (wanted: (one: { tag: string; mode: string }) => boolean): GitPath[] =>
      found.filter(wanted).map(({ path }) => path);
    return {
      skipped: paths(({ tag }) => tag.toUpperCase() === 'S'),
      // Git says so by small letters.
      assumed: paths(({ tag }) => tag !== tag.toUpperCase()),
      submodules: paths(({ mode }) => mode === SUBMODULE),
    };
  }

  /** What is not as it is in the commit that is checked out. */
  async changes(): Promise<ReadonlyMap<GitPath, 'changed' | 'deleted'>> {
    // Git would run the submodules' own configuration.
    const how = ['--untracked-files=no', '--no-renames', '--ignore-submodules=all'];
    const lines = await this.list(['status', '--porcelain', '-z', ...how]);
    return new Map(lines.map((line) => [line.slice(3), /^D[^U]|^[^U]D/.test(line) ? 'deleted' : 'changed']));
  }

  async inCommit(commit: string): Promise<ReadonlySet<GitPath>> {
    return new Set(await this.list(['ls-tree', '-r', '-z', '--name-only', commit]));
  }

  /**
   * Those of the paths whose content a filter changes on its way into git, as large files are replaced by pointers.
   * @param commit whose attributes count; null: the workspace's
   */
  async filtered(paths: readonly GitPath[], commit: string | null = null): Promise<GitPath[]> {
    if (paths.length === 0) return [];
    const env = commit === null ? {} : { GIT_INDEX_FILE: this.spareIndex };
    if (commit !== null) await this.list(['read-tree', commit], { env });
    const asked = ['check-attr', '-z', '--stdin', ...(commit === null ? [] : ['--cached']), 'filter'];
    const answers = await this.list(asked, { env, input: nulEnded(paths) });
    return answers.filter((_, index) => index % 3 === 0 && isFilter(answers[index + 2] ?? ''));
  }

  /** What is not the same in two commits. */
  async changedBetween(from: string, to: string): Promise<{ readonly path: GitPath; readonly isSubmodule: boolean }[]> {
    const parts = await this.list(['diff-tree', '-r', '-z', '--raw', '--no-renames', from, to]);
    return parts.flatMap((modes, index) => {
      const path = parts[index + 1];
      if (index % 2 !== 0 || path === undefined) return [];
      return [
        {
          path,
          isSubmodule: modes
            .split(' ')
            .slice(0, 2)
            .some((mode) => mode.endsWith(SUBMODULE)),
        },
      ];
    });
  }

  private async list(args: readonly string[], { env, input = '' }: GitCall = {}): Promise<string[]> {
    return nulParts(await gitBytes(args, { ...this.call, env: { ...this.call.env, ...env }, input }));
  }
}

/** Lists of paths as git reads and writes them. */
export function nulEnded(paths: readonly GitPath[]): string {
  return paths.map((path) => `${path}\0`).join('');
}

export function nulParts(text: string): string[] {
  return text.split('\0').slice(0, -1);
}

/** As paths are named everywhere else; null when it is not UTF-8. */
export function textOfPath(path: GitPath): string | null {
  const text = Buffer.from(path, 'latin1').toString('utf8');
  return Buffer.from(text, 'utf8').toString('latin1') === path ? text : null;
}

/** An attribute may also be there without a value, and then names no filter. */
function isFilter(value: string): boolean {
  return !['unspecified', 'unset', 'set'].includes(value);
}
