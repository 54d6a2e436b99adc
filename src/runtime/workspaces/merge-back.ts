import { bareRepositories, isInOneOf } from './bare-repositories.js';
import { mergeStep, type Entry } from './decide.js';
import { BlockedError, type Found, type LocalTree } from './local-tree.js';
import type { Manifest } from './manifest.js';
import type { RunTree } from './run-tree.js';
import type { Conflict, LeftOut } from './sync-names.js';
import { isGitInternal } from './workspace-path.js';

export interface MergedBack {
  readonly added: number;
  readonly changed: number;
  readonly deleted: number;
  readonly bytes: number;
  readonly conflicts: readonly Conflict[];
  readonly leftOut: readonly LeftOut[];
  /** What the next comparison starts from: the run's side, but for what did not come back. */
  readonly manifest: Manifest;
}

interface Change {
  readonly path: string;
  readonly base: Entry | null;
  readonly run: Entry | null;
}

/**
 * Brings what the run has changed into a local folder, where nobody has changed it meanwhile: see {@link mergeStep}.
 * Everything else there stays as it is.
 * @param git whether of a mode only counts what git knows of it: whether the file can be executed
 */
export async function mergeBack(tree: LocalTree, manifest: Manifest, run: RunTree, git: boolean): Promise<MergedBack> {
  const bare = await bareRepositories(run.entries, tree);
  const merge = new Merge(tree, run, git, bare, new Map(run.entries));
  const unknown = new Set(run.leftOut.map(({ path }) => path));
  const changes = [...new Set([...manifest.keys(), ...run.entries.keys()])]
    .map((path): Change => ({ path, base: manifest.get(path) ?? null, run: run.entries.get(path) ?? null }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  for (const change of changes.filter(({ path }) => unknown.has(path))) merge.stay(change);
  const known = changes.filter(({ path }) => !unknown.has(path));
  // What goes makes room: a file may come where there was a folder, or a folder where there was a file.
  for (const change of known.filter((one) => one.run === null).reverse()) await merge.bring(change);
  for (const change of known.filter((one) => one.run !== null)) await merge.bring(change);
  return merge.result();
}

class Merge {
  private readonly counts = { added: 0, changed: 0, deleted: 0, bytes: 0 };
  private readonly conflicts: Conflict[] = [];
  private readonly leftOut: LeftOut[] = [];

  constructor(
    private readonly tree: LocalTree,
    private readonly run: RunTree,
    private readonly git: boolean,
    private readonly bare: ReadonlySet<string>,
    private readonly next: Map<string, Entry>,
  ) {}

  async bring(change: Change): Promise<void> {
    const { path, base, run } = change;
    // Most have not been touched, and then nothing here is looked at.
    if (this.step(base, run, base).kind === 'keep') return;
    const inGit = isGitInternal(path) || (run !== null && isInOneOf(this.bare, path));
    if (inGit) {
      this.leftOut.push({ path, why: 'it is a repository’s own folder' });
      this.stay(change);
      return;
    }
    const found = await this.tree.examine(path);
    const step = this.step(base, run, found.entry);
    if (step.kind === 'conflict') this.conflict(change, step.conflict);
    else if (step.kind === 'delete') await this.remove(change, found);
    else if (step.kind === 'take' && run !== null) await this.take(change, run, found);
  }

  result(): MergedBack {
    const { counts, conflicts, leftOut, next: manifest } = this;
    return { ...counts, conflicts, leftOut, manifest };
  }

  private step(base: Entry | null, run: Entry | null, here: Entry | null): ReturnType<typeof mergeStep> {
    return mergeStep(this.known(base), this.known(run), this.known(here));
  }

  private known(entry: Entry | null): Entry | null {
    return this.git && entry?.type === 'file' ? { ...entry, mode: canExecute(entry.mode) ? 0o755 : 0o644 } : entry;
  }

  private async remove(change: Change, found: Found): Promise<void> {
    const { path } = change;
    if (await this.tree.remove(path, found)) {
      this.counts.deleted += 1;
      if (this.git) await this.tree.prune(path);
    } else if (found.entry?.type !== 'directory') this.conflict(change, 'changed_here_deleted_by_run');
  }

  private async take(change: Change, run: Entry, found: Found): Promise<void> {
    const { path } = change;
    try {
      if (!(await this.put(path, run, found))) {
        this.conflict(change, 'changed_on_both_sides');
        return;
      }
    } catch (error) {
      if (error instanceof BlockedError) {
        this.conflict(change, 'blocked');
        return;
      }
      throw error;
    }
    this.counts[change.base === null ? 'added' : 'changed'] += 1;
    if (run.type === 'file') this.counts.bytes += run.size;
  }

  private async put(path: string, run: Entry, { entry: here, stamp }: Found): Promise<boolean> {
    switch (run.type) {
      case 'symlink':
        return await this.tree.putSymlink(path, run.target, stamp);
      case 'directory':
        // What was a file or a symlink when it was sent, and still is, makes room.
        if (here !== null && here.type !== 'directory' && !(await this.tree.remove(path, { entry: here, stamp }))) {
          return false;
        }
        await this.tree.makeFolder(path);
        return true;
      case 'file': {
        const content = this.run.contents.get(path);
        if (!content) throw new Error(`The original content of ${path} is missing.`);
        const keepsMode = this.git && here?.type === 'file' && canExecute(here.mode) === canExecute(run.mode);
        return await this.tree.putFile(path, keepsMode ? here.mode : run.mode, content(), stamp);
      }
      case 'other':
        throw new Error(`${path} cannot be copied.`);
    }
  }

  private conflict(change: Change, kind: Conflict['kind']): void {
    this.conflicts.push({ path: change.path, kind });
    this.stay(change);
  }

  /** The next time it is compared with what it was when it was sent, as this time. */
  stay({ path, base }: Change): void {
    if (base) this.next.set(path, base);
    else this.next.delete(path);
  }
}

function canExecute(mode: number): boolean {
  return (mode & 0o100) !== 0;
}
