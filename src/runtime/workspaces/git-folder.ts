import { constants } from 'node:fs';
import { copyFile, link, lstat, mkdir, realpath, unlink, utimes } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { LeaseholdError } from '../../errors/catalogue.js';
import { GitError } from './git.js';
import { BlockedError, codeOf, LocalTree } from './local-tree.js';
import { LockedFile } from './locked-file.js';
import type { WorkspaceRoots } from './workspace-roots.js';

const { COPYFILE_FICLONE, O_APPEND, O_WRONLY } = constants;
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

/**
 * A git folder where it lies. Others write in there meanwhile and may put a symlink in the place of anything, at any moment. So no git of ours
 * works in it: a symlink is resolved, what it leads to must be in the roots, and that is then opened with no symlink followed on the whole way.
 */
export class GitFolder {
  /** @param path absolute, without symlinks */
  constructor(
    private readonly roots: WorkspaceRoots,
    readonly path: string,
  ) {}

  /** The text of a file; '' where there is none. @throws LeaseholdError local_path_not_allowed */
  async text(name: string): Promise<string> {
    const read = async (tree: LocalTree, file: string): Promise<string> => {
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      for await (const chunk of tree.content(file)) {
        bytes += chunk.length;
        if (bytes > MAX_TEXT_BYTES) throw refused(`Its ${name} is too large.`);
        chunks.push(chunk);
      }
      return Buffer.concat(chunks).toString('utf8');
    };
    return (await this.at(name, read)) ?? '';
  }

  /** Whether there is a file, be it empty. */
  async has(name: string): Promise<boolean> {
    return (await this.at(name, async (tree, file) => (await tree.look(file)).entry?.type === 'file')) ?? false;
  }

  /** Copies a file to a place of ours, where there is one. Its time goes with it: git takes what is younger than an index for changed. */
  async copy(name: string, to: string): Promise<void> {
    await this.at(name, async (tree, file) => {
      const handle = await tree.openFile(file);
      try {
        const { atime, mtime } = await handle.stat();
        await copyFile(`/proc/self/fd/${String(handle.fd)}`, to, COPYFILE_FICLONE);
        await utimes(to, atime, mtime);
      } finally {
        await handle.close();
      }
    });
  }

  /** Copies the objects, and those of where it says that more are, into a folder of ours. */
  async copyObjects(to: string, seen = new Set<string>(), folder = join(this.path, 'objects')): Promise<void> {
    const real = await this.real(folder);
    if (real === null || seen.has(real)) return;
    seen.add(real);
    for (const name of await this.names(real)) {
      if (name !== 'pack' && !/^[0-9a-f]{2}$/.test(name)) continue;
      await mkdir(join(to, name), { recursive: true });
      const files = await this.names(join(real, name));
      await Promise.all(files.map((file) => this.copyObject(join(real, name, file), join(to, name, file))));
    }
    const more = (await this.text(join(real, 'info/alternates'))).split('\n');
    for (const line of more.filter((text) => text !== '' && !text.startsWith('#'))) {
      await this.copyObjects(to, seen, resolve(real, line));
    }
  }

  /** Copies what an index that was split is the rest of. */
  async copySharedIndexes(to: string): Promise<void> {
    for (const name of await this.names(this.path)) {
      if (/^sharedindex\.[0-9a-f]+$/.test(name)) await this.copy(name, join(to, name));
    }
  }

  /** The names of the files in folders and in what is in them, at most `limit`. */
  async files(folders: readonly string[], limit = 5_000): Promise<string[]> {
    const found: string[] = [];
    const open = [...folders];
    for (let folder = open.shift(); folder !== undefined && found.length < limit; folder = open.shift()) {
      for (const name of await this.names(join(this.path, folder))) {
        const path = `${folder}/${name}`;
        const isFolder = await this.at(path, async (tree, file) => (await tree.look(file)).entry?.type === 'directory');
        (isFolder ? open : found).push(path);
      }
    }
    return found;
  }

  /** Locks a file before it is written; null when somebody else has the lock. @param top the part of its name that may be a symlink */
  async lock(top: string, name: string): Promise<LockedFile | null> {
    return await this.in(top, (tree) => LockedFile.take(tree, name));
  }

  /** Adds a file that is not there yet, whole. @throws GitError */
  async add(top: string, name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    await this.in(top, (tree) => tree.putFile(name, 0o444, content, '')).catch((error: unknown) => {
      throw error instanceof BlockedError ? new GitError(error.message) : error;
    });
  }

  /** Adds a line to a file, if there is one. */
  async append(name: string, line: string): Promise<void> {
    await this.at(name, async (tree, file) => {
      const handle = await tree.openFile(file, O_WRONLY | O_APPEND);
      try {
        // What has a second name may be a file of somewhere else.
        if ((await handle.stat()).nlink === 1) await handle.writeFile(line);
      } finally {
        await handle.close();
      }
    });
  }

  /** Objects are never written in place, so that a second name is as good as a copy where the disk is the same. */
  private async copyObject(path: string, to: string): Promise<void> {
    const tree = await LocalTree.open(dirname(path));
    try {
      const folder = await tree.folderOf(basename(path));
      await link(`/proc/self/fd/${String(folder.fd)}/${basename(path)}`, to).finally(() => folder.close());
      if ((await lstat(to)).isFile()) return;
      await unlink(to);
    } catch (error) {
      // Two places of objects may have the same, and a repack may have removed it: git looks for it elsewhere then.
      if (['EEXIST', 'ENOENT'].includes(codeOf(error))) return;
      if (!['EXDEV', 'EPERM', 'EMLINK'].includes(codeOf(error))) throw error;
    } finally {
      await tree.close();
    }
    await this.copy(path, to);
  }

  private async names(folder: string): Promise<string[]> {
    const real = await this.real(folder);
    if (real === null) return [];
    const tree = await LocalTree.open(real);
    return await tree.names('').finally(() => tree.close());
  }

  /** Gives what a path leads to, to be opened in the folder that it is in; null where there is nothing. */
  private async at<Result>(
    path: string,
    use: (tree: LocalTree, name: string) => Promise<Result>,
  ): Promise<Result | null> {
    const real = await this.real(resolve(this.path, path));
    if (real === null) return null;
    const tree = await LocalTree.open(dirname(real));
    return await use(tree, basename(real)).finally(() => tree.close());
  }

  /** Gives a folder to be written in. */
  private async in<Result>(top: string, use: (tree: LocalTree) => Promise<Result>): Promise<Result> {
    const real = await this.real(join(this.path, top));
    if (real === null) throw refused(`It has no ${top}.`);
    const tree = await LocalTree.open(real);
    return await use(tree).finally(() => tree.close());
  }

  /** Where a path leads; null where there is nothing. */
  private async real(path: string): Promise<string | null> {
    const real = await realpath(path).catch(() => null);
    if (real === null) return null;
    if (!(await this.roots.hold(real))) throw refused('It leads out of LEASEHOLD_WORKSPACE_ROOTS.');
    return real;
  }
}

/** Without where to: what it says comes from files that the caller may not be allowed to read. */
export function refused(why: string): LeaseholdError {
  return new LeaseholdError('local_path_not_allowed', `The repository of this workspace is refused: ${why}`);
}
