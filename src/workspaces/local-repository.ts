import { constants } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { LeaseholdError } from '../errors/catalogue.js';
import { git, gitOrNull, gitTo, type GitCall } from './git.js';
import type { LocalTree } from './local-tree.js';
import type { WorkspaceRoots } from './workspace-roots.js';

/** Where a repository stands. */
export interface Head {
  readonly objectFormat: string;
  /** Null: it has no commit yet. */
  readonly commit: string | null;
  /** Null: none is checked out. */
  readonly branch: string | null;
  /** The commits whose parents are missing, where it is a shallow clone. */
  readonly shallow: readonly string[];
}

/**
 * The repository of a workspace on the service's machine, which is not trusted. Its objects, index and refs are used through a
 * git folder of our own, so that its configuration, which may name programs to be run, is read only where refs are.
 */
export class LocalRepository {
  private constructor(
    private readonly tree: LocalTree,
    private readonly gitDir: string,
    private readonly commonDir: string,
    /** Ours. */
    private readonly own: string,
    readonly head: Head,
  ) {}

  /**
   * Null when the folder is not the top of a repository.
   * @throws LeaseholdError local_path_not_allowed when git would read something outside of the roots; GitError
   */
  static async open(tree: LocalTree, roots: WorkspaceRoots): Promise<LocalRepository | null> {
    const { entry } = await tree.look('.git');
    if (entry === null || entry.type === 'other') return null;
    const dotGit = entry.type === 'file' ? await linkedFolder(tree) : join(tree.path, '.git');
    const gitDir = await within(roots, dotGit);
    await mustStayWithin(roots, gitDir);
    const commonDir = await within(roots, resolve(gitDir, (await textOf(join(gitDir, 'commondir'))).trim()));
    await mustStayWithin(roots, commonDir);
    for (const folder of [gitDir, commonDir]) await mustIncludeNothing(folder);
    const head = await headOf(gitDir, commonDir);
    const own = await mkdtemp(join(tmpdir(), 'leasehold-git-'));
    const repository = new LocalRepository(tree, gitDir, commonDir, own, head);
    try {
      await repository.makeOwn();
      return repository;
    } catch (error) {
      await repository.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await rm(this.own, { recursive: true, force: true });
  }

  /** What is in the workspace as git sees it: tracked, untracked and, if asked for, ignored. Some of it may be deleted. */
  async paths(ignoredToo: boolean): Promise<string[]> {
    const call = { ...this.through, cwd: this.tree.path };
    const which = ignoredToo ? [] : ['--exclude-standard'];
    const listed = await git(['ls-files', '-z', '--cached', '--others', ...which], call);
    return [...new Set(listed.split('\0'))].filter((path) => path !== '');
  }

  /** Writes a bundle with the history that leads to the head, as refs/leasehold/head. */
  async writeHistory(target: Writable): Promise<void> {
    await git(['update-ref', 'refs/leasehold/head', this.commit], this.through);
    await gitTo(target, ['bundle', 'create', '-q', '-', 'refs/leasehold/head'], this.through);
  }

  /** Takes the commits that lead to a bundle's HEAD, whole and checked, or none. @returns that commit @throws GitError */
  async takeHistory(bundle: string, base: string | null): Promise<string> {
    // What is there already need not be walked again.
    if (base !== null && (await this.has(base))) await git(['update-ref', 'refs/leasehold/base', base], this.through);
    await git(['fetch', '-q', '--no-tags', bundle, '+HEAD:refs/leasehold/taken'], this.through);
    return (await git(['rev-parse', 'refs/leasehold/taken'], this.through)).trim();
  }

  async has(commit: string): Promise<boolean> {
    return (await gitOrNull(['cat-file', '-e', `${commit}^{commit}`], this.through)) !== null;
  }

  async leadsTo(from: string, to: string): Promise<boolean> {
    return (await gitOrNull(['merge-base', '--is-ancestor', from, to], this.through)) !== null;
  }

  /** Names a commit in the repository, so that it is kept. */
  async keep(ref: string, commit: string): Promise<void> {
    await git([`--git-dir=${this.gitDir}`, 'update-ref', ref, commit]);
  }

  /**
   * Moves the branch and the index from one commit to another; the files are not touched.
   * @returns false when the index has changes to the same files, or the branch has moved
   */
  async fastForward(branch: string, from: string, to: string): Promise<boolean> {
    const indexed = ['read-tree', '-i', '-m', from, to];
    const index = { env: { ...this.through.env, GIT_INDEX_FILE: join(this.gitDir, 'index') } };
    if ((await gitOrNull(['read-tree', '-n', ...indexed.slice(1)], index)) === null) return false;
    const move = [`--git-dir=${this.gitDir}`, 'update-ref', '-m', 'leasehold: sync-out', `refs/heads/${branch}`];
    if ((await gitOrNull([...move, to, from])) === null) return false;
    if ((await gitOrNull(indexed, index)) !== null) return true;
    await git([...move, from, to]);
    return false;
  }

  private get commit(): string {
    if (this.head.commit === null) throw new Error('A repository without a commit has no history.');
    return this.head.commit;
  }

  private get through(): GitCall & { readonly env: Readonly<Record<string, string>> } {
    return {
      env: {
        GIT_DIR: this.own,
        GIT_WORK_TREE: this.tree.path,
        GIT_INDEX_FILE: join(this.gitDir, 'index'),
        GIT_OBJECT_DIRECTORY: join(this.commonDir, 'objects'),
      },
    };
  }

  private async makeOwn(): Promise<void> {
    const { objectFormat, shallow } = this.head;
    await git(['init', '-q', '--template=', '--bare', `--object-format=${objectFormat}`, this.own]);
    await git(['config', 'core.bare', 'false'], { env: { GIT_DIR: this.own } });
    const exclude = await textOf(join(this.commonDir, 'info', 'exclude'));
    await mkdir(join(this.own, 'info'), { recursive: true });
    await writeFile(join(this.own, 'info', 'exclude'), exclude);
    if (shallow.length > 0) await writeFile(join(this.own, 'shallow'), `${shallow.join('\n')}\n`);
  }
}

/** Of a worktree, whose `.git` is a file that says where its git folder is. */
async function linkedFolder(tree: LocalTree): Promise<string> {
  let text = '';
  for await (const chunk of tree.content('.git')) text = (text + Buffer.from(chunk).toString('utf8')).slice(0, 8_192);
  const [, folder] = /^gitdir: (.+)\n?$/.exec(text) ?? [];
  return resolve(tree.path, folder ?? '.git');
}

async function headOf(gitDir: string, commonDir: string): Promise<Head> {
  const at = `--git-dir=${gitDir}`;
  const objectFormat = (await gitOrNull([at, 'rev-parse', '--show-object-format'])) ?? 'sha1';
  const commit = await gitOrNull([at, 'rev-parse', '-q', '--verify', 'HEAD^{commit}']);
  const branch = await gitOrNull([at, 'symbolic-ref', '-q', 'HEAD']);
  const shallow = await textOf(join(commonDir, 'shallow'));
  return {
    objectFormat,
    commit,
    branch: branch?.startsWith('refs/heads/') ? branch.slice('refs/heads/'.length) : null,
    shallow: shallow.split('\n').filter((line) => /^[0-9a-f]{40,64}$/.test(line)),
  };
}

/** Nothing in a git folder may lead out of the roots: not a symlink, and not where it says that more objects are. */
async function mustStayWithin(roots: WorkspaceRoots, folder: string, seen = new Set<string>()): Promise<void> {
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
    const lines = await textOf(join(objects, 'info', 'alternates'));
    for (const line of lines.split('\n').filter((text) => text !== '' && !text.startsWith('#'))) {
      await mustStayWithin(roots, await within(roots, resolve(objects, line)), seen);
    }
  }
}

/** Git would read what a configuration includes, wherever it is. */
async function mustIncludeNothing(folder: string): Promise<void> {
  for (const name of ['config', 'config.worktree']) {
    const asked = ['config', '--file', join(folder, name), '--no-includes', '--get-regexp', '^include(if)?\\.'];
    if ((await gitOrNull(asked)) !== null) throw refused('Its configuration includes other files.');
  }
}

/** Of a file that may be missing; what is no file has none. */
async function textOf(path: string): Promise<string> {
  // A pipe would be waited for.
  return await readFile(path, { encoding: 'utf8', flag: constants.O_RDONLY | constants.O_NONBLOCK }).catch(() => '');
}

async function within(roots: WorkspaceRoots, path: string): Promise<string> {
  const real = await roots.resolved(path);
  if (real !== null) return real;
  // Not where to: what it says comes from files that the caller may not be allowed to read.
  throw refused('It leads out of LEASEHOLD_WORKSPACE_ROOTS.');
}

function refused(why: string): LeaseholdError {
  return new LeaseholdError('local_path_not_allowed', `The repository of this workspace is refused: ${why}`);
}
