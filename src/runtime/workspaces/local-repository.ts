import { createReadStream } from 'node:fs';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { git, GitError, gitOrNull, gitTo, inputText, type GitCall } from './git.js';
import { GitFolder } from './git-folder.js';
import { headOf, refValue, type Head } from './git-head.js';
import type { LocalTree } from './local-tree.js';
import { mustIncludeNothing, mustStayWithin, within } from './repository-checks.js';
import { isCutOff, mustStandSomewhere, unusable } from './repository-health.js';
import { onlyOfFiles, readSettings, settingsText, type RepositorySettings } from './repository-settings.js';
import { chooseRefs } from './repository-refs.js';
import type { Spool } from './spool.js';
import { TrackedFiles } from './tracked-files.js';
import type { WorkspaceRoots } from './workspace-roots.js';

/** What git writes of one that has no name and no address. */
const WRITER = 'Leasehold <leasehold>';

/** Beside the settings, they decide what git sees. */
export const INFO_FILES = ['exclude', 'attributes', 'sparse-checkout'] as const;
export type InfoFile = (typeof INFO_FILES)[number];

interface Unfinished {
  /** That is there while it goes on. */
  readonly file: string;
  readonly what: string;
}

const OTHER_REFS = 'Its refs are not kept as files: run `git refs migrate --ref-format=files` there.';

const UNFINISHED: readonly Unfinished[] = [
  { file: 'MERGE_HEAD', what: 'a merge' },
  { file: 'CHERRY_PICK_HEAD', what: 'a cherry-pick' },
  { file: 'REVERT_HEAD', what: 'a revert' },
  { file: 'rebase-merge/head-name', what: 'a rebase' },
  { file: 'rebase-apply/next', what: 'a rebase' },
  { file: 'BISECT_LOG', what: 'a bisect' },
];

/** Not in folders that are ignored as a whole, where they decide nothing. */
const IGNORED_RULES = [
  ...['ls-files', '-z', '--others', '--ignored', '--exclude-standard', '--directory', '--'],
  ...[':(glob)**/.gitattributes', ':(glob)**/.gitignore'],
];

/**
 * The repository of a workspace on the service's machine, which is not trusted. Git works in a folder of ours alone, with a copy of the objects, the
 * index and the head; what it makes there is put into the repository file by file, see {@link GitFolder}. Nothing of the repository's
 * configuration, which may name programs to be run, counts.
 */
export class LocalRepository {
  private constructor(
    private readonly tree: LocalTree,
    private readonly gitDir: GitFolder,
    /** The same but for a worktree's: what all worktrees share. */
    private readonly common: GitFolder,
    /** Ours. */
    private readonly own: string,
    public head: Head,
    readonly settings: RepositorySettings,
  ) {}

  /**
   * Null when the folder is not the top of a repository.
   * @throws LeaseholdError local_path_not_allowed when it leads out of the roots; GitError
   */
  static async open(tree: LocalTree, roots: WorkspaceRoots, spool: Spool): Promise<LocalRepository | null> {
    const { entry } = await tree.look('.git');
    if (entry === null || entry.type === 'other') return null;
    const dotGit = entry.type === 'file' ? await linkedFolder(tree) : join(tree.path, '.git');
    const gitDir = new GitFolder(roots, await within(roots, dotGit));
    await mustStayWithin(roots, gitDir.path);
    const commonDir = resolve(gitDir.path, (await gitDir.text('commondir')).trim());
    const common = new GitFolder(roots, await within(roots, commonDir));
    await mustStayWithin(roots, common.path);
    const own = spool.name();
    await mkdir(own);
    await common.copy('config', join(own, 'theirs'));
    await gitDir.copy('config.worktree', join(own, 'theirs.worktree'));
    for (const name of ['theirs', 'theirs.worktree']) await mustIncludeNothing(join(own, name));
    const get = (name: string) => gitOrNull(['config', '--file', join(own, 'theirs'), '--get', name]);
    if (((await get('extensions.refstorage')) ?? 'files') !== 'files') throw unusable(OTHER_REFS);
    const head = { ...(await headOf(gitDir, common)), objectFormat: (await get('extensions.objectformat')) ?? 'sha1' };
    await mustStandSomewhere(head, common);
    const settings = await readSettings(join(own, 'theirs'), join(own, 'theirs.worktree'));
    const repository = new LocalRepository(tree, gitDir, common, own, head, settings);
    await repository.copy();
    return repository;
  }

  /** What is in the workspace as git sees it: tracked, untracked and, if asked for, ignored. Some of it may be deleted. */
  async paths(ignoredToo: boolean): Promise<string[]> {
    const call = { ...this.through, cwd: this.tree.path };
    const which = ignoredToo ? [] : ['--exclude-standard'];
    const listed = await git(['ls-files', '-z', '--cached', '--others', ...which], call);
    // What says how files are to be taken counts here, even where git ignores it itself.
    const rules = ignoredToo ? '' : await git([...IGNORED_RULES], call);
    return [...new Set([...listed.split('\0'), ...rules.split('\0').filter((path) => !path.endsWith('/'))])].filter(
      (path) => path !== '',
    );
  }

  get tracked(): TrackedFiles {
    return new TrackedFiles({ ...this.through, cwd: this.tree.path }, join(this.own, 'spare-index'));
  }

  /** A file that git has in `info/`, in bytes; empty where there is none. */
  async info(name: InfoFile): Promise<Buffer> {
    return await readFile(join(this.own, 'info', name)).catch(() => Buffer.alloc(0));
  }

  /**
   * Makes the checked out commit the first one where the history before it is not here, as in partial clones, as a shallow clone would.
   * @returns whether it is @throws LeaseholdError repository_unusable when that commit is not whole either
   */
  async cutOff(): Promise<boolean> {
    if (this.head.commit === null || !(await isCutOff(this.head.commit, join(this.own, 'theirs'), this.through)))
      return false;
    this.head = { ...this.head, shallow: [this.head.commit] };
    await writeFile(join(this.own, 'shallow'), `${this.head.commit}\n`);
    return true;
  }

  /** Writes a bundle with the history that leads to the head, as refs/leasehold/head, and with other refs. @returns how many refs are too much */
  async writeHistory(target: Writable): Promise<number> {
    const first = [`refs/heads/${this.head.branch ?? ''}`, this.upstream ?? ''];
    const { names, leftOut } = await chooseRefs(this.common, this.own, this.through, this.commit, first);
    await git(['update-ref', 'refs/leasehold/head', this.commit], this.through);
    const input = inputText(['refs/leasehold/head', ...names].map((name) => `${name}\n`).join(''));
    await gitTo(target, ['bundle', 'create', '-q', '-', '--stdin'], { ...this.through, input });
    return leftOut;
  }

  /** What git is in the middle of here: a merge, for example. */
  async unfinished(): Promise<readonly Unfinished[]> {
    const found = await Promise.all(UNFINISHED.map(async (one) => (await this.gitDir.text(one.file)) !== ''));
    return UNFINISHED.filter((_, index) => found[index]);
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

  /** Puts the objects that were taken into the repository and names a commit of them, so that it is kept. @throws GitError */
  async keep(ref: string, commit: string): Promise<void> {
    await this.giveObjects();
    if (!(await this.write(ref, commit))) throw new GitError(`${ref} is locked.`);
  }

  /**
   * Moves the branch and the index from one commit to another; the files are not touched.
   * @returns false when the index has changes to the same files, the branch has moved, or somebody else uses it
   */
  async fastForward(branch: string, from: string, to: string): Promise<boolean> {
    const index = await this.gitDir.lock('.', 'index');
    if (index === null) return false;
    try {
      await this.gitDir.copy('index', join(this.own, 'index'));
      if ((await gitOrNull(['read-tree', '-i', '-m', from, to], this.through)) === null) return false;
      const ref = `refs/heads/${branch}`;
      if (!(await this.write(ref, to, from))) return false;
      await index.replace(createReadStream(join(this.own, 'index')));
      const now = Math.floor(Date.now() / 1_000);
      const line = `${from} ${to} ${WRITER} ${now} +0000\tleasehold: sync-out\n`;
      // Moved it is: what cannot be noted, or only through a symlink, is not.
      await this.common.append(`logs/${ref}`, line).catch(() => undefined);
      await this.gitDir.append('logs/HEAD', line).catch(() => undefined);
      return true;
    } finally {
      await index.close();
    }
  }

  private get commit(): string {
    if (this.head.commit === null) throw new Error('A repository without a commit has no history.');
    return this.head.commit;
  }

  /** The branch elsewhere that this one follows. */
  private get upstream(): string | null {
    const of = (what: string): string | undefined =>
      this.settings.find(([key]) => key === `branch.${this.head.branch ?? ''}.${what}`)?.[1];
    const [remote, merge] = [of('remote'), of('merge')];
    if (remote === undefined || !merge?.startsWith('refs/heads/')) return null;
    return remote === '.' ? merge : `refs/remotes/${remote}/${merge.slice('refs/heads/'.length)}`;
  }

  private get through(): GitCall & { readonly env: Readonly<Record<string, string>> } {
    return { env: { GIT_DIR: this.own, GIT_WORK_TREE: this.tree.path } };
  }

  /** @param from what it must say until now @returns false when it says something else, or somebody else uses it */
  private async write(ref: string, to: string, from?: string): Promise<boolean> {
    const lock = await this.common.lock('refs', ref.slice('refs/'.length));
    if (lock === null) return false;
    try {
      if (from !== undefined && (await refValue(this.common, ref)) !== from) return false;
      await lock.replace([Buffer.from(`${to}\n`)]);
      return true;
    } finally {
      await lock.close();
    }
  }

  private async giveObjects(): Promise<void> {
    const folder = join(this.own, 'objects/pack');
    // An index without its pack would be mistaken for a broken one.
    const files = (await readdir(folder)).sort((a, b) => Number(a.endsWith('.idx')) - Number(b.endsWith('.idx')));
    for (const file of files) await this.common.add('objects', `pack/${file}`, createReadStream(join(folder, file)));
  }

  private async copy(): Promise<void> {
    const { own, gitDir, common } = this;
    const { objectFormat, shallow } = this.head;
    await git(['init', '-q', '--template=', '--bare', `--object-format=${objectFormat}`, own]);
    await git(['config', 'core.bare', 'false'], { env: { GIT_DIR: own } });
    await appendFile(join(own, 'config'), settingsText(onlyOfFiles(this.settings)));
    const objects = join(own, 'theirs.objects');
    await common.copyObjects(objects);
    await mkdir(join(own, 'objects/info'), { recursive: true });
    await writeFile(join(own, 'objects/info/alternates'), `${objects}\n`);
    await mkdir(join(own, 'info'), { recursive: true });
    for (const name of INFO_FILES) {
      const from = name === 'sparse-checkout' ? gitDir : common;
      await from.copy(`info/${name}`, join(own, 'info', name));
    }
    await gitDir.copy('index', join(own, 'index'));
    await gitDir.copySharedIndexes(own);
    if (shallow.length > 0) await writeFile(join(own, 'shallow'), `${shallow.join('\n')}\n`);
    if (this.head.commit !== null)
      await gitOrNull(['update-ref', '--no-deref', 'HEAD', this.head.commit], this.through);
  }
}

/** Of a worktree, whose `.git` is a file that says where its git folder is. */
async function linkedFolder(tree: LocalTree): Promise<string> {
  let text = '';
  for await (const chunk of tree.content('.git')) text = (text + Buffer.from(chunk).toString('utf8')).slice(0, 8_192);
  const [, folder] = /^gitdir: (.+)\n?$/.exec(text) ?? [];
  if (folder === undefined) throw unusable('Its .git is a file that names no git folder.');
  return resolve(tree.path, folder);
}
