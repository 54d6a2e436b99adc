import { createHash, randomBytes } from 'node:crypto';
import { constants, type BigIntStats } from 'node:fs';
import {
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  rename,
  rm,
  rmdir,
  symlink,
  unlink,
  type FileHandle,
} from 'node:fs/promises';
import { LeaseholdError } from '../../errors/catalogue.js';
import type { Entry } from './decide.js';
import { parentOf } from './workspace-path.js';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

const CHUNK_BYTES = 64 * 1024;

/** What is at a path, and by what to tell whether it is still the same. */
export interface Found {
  readonly entry: Entry | null;
  readonly stamp: string;
  /** Of a file. */
  readonly modified?: Date;
}

/** Nothing can be put at a path: something that is no folder, or a folder with things in it, is in the way. */
export class BlockedError extends Error {
  override readonly name = 'BlockedError';
}

/** Something was changed here while it was being read. */
export class ChangedError extends Error {
  override readonly name = 'ChangedError';
}

/**
 * A folder on the service's machine whose content is not trusted. Every step of a path is opened from the folder before it
 * and never through a symlink, so that nobody who writes in there meanwhile can lead it out. One caller at a time.
 */
export class LocalTree {
  /** The folders that are open, from the root on to the one that was used last. */
  private readonly chain: { readonly name: string; readonly handle: FileHandle }[] = [];

  private constructor(
    /** Absolute, without symlinks when it was opened. */
    readonly path: string,
    private readonly root: FileHandle,
  ) {}

  /** @param path of a folder, which is reached through no symlink. @throws Error ELOOP, ENOTDIR, ENOENT */
  static async open(path: string): Promise<LocalTree> {
    const tree = new LocalTree('/', await open('/', O_RDONLY | O_DIRECTORY));
    try {
      const steps = path.split('/').filter((step) => step !== '');
      const folder = await tree.folder(steps, false);
      const root = await open(`${folder}/.`, O_RDONLY | O_DIRECTORY);
      return new LocalTree(path, root);
    } finally {
      await tree.close();
    }
  }

  async close(): Promise<void> {
    await this.climb(0);
    await this.root.close();
  }

  /** The names in a folder; '' is the tree itself. */
  async names(folder: string): Promise<string[]> {
    return await readdir(await this.folder(stepsOf(folder), false)).catch(mustBeAllowed(folder));
  }

  /** What is at a path, without the content of a file: its digest is ''. */
  async look(path: string): Promise<Found> {
    const place = await this.place(path);
    const stats = place && (await statsOf(place).catch(mustBeAllowed(path)));
    if (!place || !stats) return { entry: null, stamp: '' };
    const stamp = stampOf(stats);
    const mode = Number(stats.mode) & 0o777;
    if (stats.isFile()) {
      return { entry: { type: 'file', mode, size: Number(stats.size), sha256: '' }, stamp, modified: stats.mtime };
    }
    if (stats.isSymbolicLink()) return { entry: { type: 'symlink', target: await readlink(place) }, stamp };
    if (stats.isDirectory()) return { entry: { type: 'directory', mode }, stamp };
    return { entry: { type: 'other' }, stamp };
  }

  /** What is at a path. */
  async examine(path: string): Promise<Found> {
    const found = await this.look(path);
    if (found.entry?.type !== 'file') return found;
    const hash = createHash('sha256');
    for await (const chunk of this.content(path)) hash.update(chunk);
    return { ...found, entry: { ...found.entry, sha256: hash.digest('hex') } };
  }

  /** The content of a file. @throws Error ELOOP and the like when it no longer is one */
  async *content(path: string): AsyncGenerator<Uint8Array> {
    const handle = await this.openFile(path);
    try {
      for (;;) {
        const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, null);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  /** A file, open; the caller closes it. @param flags of open(2) @throws Error ELOOP and the like when it is none */
  async openFile(path: string, flags = O_RDONLY): Promise<FileHandle> {
    const place = await this.place(path);
    if (!place) throw new ChangedError(`${path} no longer exists.`);
    // Not to wait for a writer, should it be a pipe by now.
    const handle = await open(place, flags | O_NOFOLLOW | O_NONBLOCK).catch(mustBeAllowed(path));
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    throw new ChangedError(`${path} is no longer a file.`);
  }

  /** The folder that a path is in, open; the caller closes it. @param make whether it is made @throws BlockedError */
  async folderOf(path: string, make = false): Promise<FileHandle> {
    return await open(`${await this.folder(stepsOf(parentOf(path)), make)}/.`, O_RDONLY | O_DIRECTORY);
  }

  /**
   * Puts a file where `stamp` was found, whole or not at all.
   * @returns false when something else is there by now @throws BlockedError
   */
  async putFile(path: string, mode: number, content: AsyncIterable<Uint8Array>, stamp: string): Promise<boolean> {
    return await this.put(path, stamp, async (beside) => {
      const handle = await open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      try {
        for await (const chunk of content) await handle.writeFile(chunk);
        await handle.chmod(mode);
        await handle.datasync();
      } finally {
        await handle.close();
      }
    });
  }

  /** The same for a symlink. */
  async putSymlink(path: string, target: string, stamp: string): Promise<boolean> {
    return await this.put(path, stamp, (beside) => symlink(target, beside));
  }

  /** @throws BlockedError */
  async makeFolder(path: string): Promise<void> {
    await this.folder(stepsOf(path), true);
  }

  /** Removes a file or a symlink where `stamp` was found, or a folder that is empty. @returns false when it is not so any more */
  async remove(path: string, { entry, stamp }: Found): Promise<boolean> {
    const place = await this.place(path);
    const stats = place && (await statsOf(place));
    if (!place || !stats) return true;
    if (entry?.type === 'directory') return await removedFolder(place);
    if (stampOf(stats) !== stamp) return false;
    await unlink(place);
    return true;
  }

  /** Removes a folder and those that it is in, as far as they are empty. */
  async prune(path: string): Promise<void> {
    for (let folder = parentOf(path); folder !== ''; folder = parentOf(folder)) {
      const place = await this.place(folder);
      if (!place || !(await removedFolder(place))) return;
    }
  }

  private async put(path: string, stamp: string, make: (beside: string) => Promise<void>): Promise<boolean> {
    const steps = stepsOf(path);
    const name = steps.pop() ?? '';
    const folder = await this.folder(steps, true);
    const [place, beside] = [`${folder}/${name}`, `${folder}/.leasehold-${randomBytes(8).toString('hex')}.new`];
    try {
      await make(beside).catch(mustBeAllowed(path));
      const stats = await statsOf(place);
      if (stats?.isDirectory()) {
        // An empty folder is nothing that anybody would miss.
        if (!(await removedFolder(place))) throw new BlockedError(`${path} is a folder here.`);
      } else if ((stats ? stampOf(stats) : '') !== stamp) return false;
      await rename(beside, place);
      return true;
    } finally {
      await rm(beside, { force: true });
    }
  }

  /** A name for a path that leads through no symlink; null where there is no such folder. Good until the next call. */
  private async place(path: string): Promise<string | null> {
    const steps = stepsOf(path);
    const name = steps.pop();
    try {
      const folder = await this.folder(steps, false);
      return name === undefined ? `${folder}/.` : `${folder}/${name}`;
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error))) return null;
      throw error;
    }
  }

  private async folder(steps: readonly string[], make: boolean): Promise<string> {
    let common = 0;
    while (common < steps.length && this.chain[common]?.name === steps[common]) common += 1;
    await this.climb(common);
    for (const name of steps.slice(common)) {
      const place = `${this.last}/${name}`;
      if (make)
        await mkdir(place)
          .catch(mustBeThere)
          .catch(mustBeAllowed(steps.join('/')));
      const handle = await open(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch((error: unknown) => {
        if (make && ['ENOTDIR', 'ELOOP'].includes(codeOf(error)))
          throw new BlockedError(`${name} is not a folder here.`);
        return mustBeAllowed(steps.join('/'))(error);
      });
      this.chain.push({ name, handle });
    }
    return this.last;
  }

  /** Linux names an open folder so: what is reached from there is reached from this very folder, whatever its path is now. */
  private get last(): string {
    return `/proc/self/fd/${String((this.chain.at(-1)?.handle ?? this.root).fd)}`;
  }

  private async climb(depth: number): Promise<void> {
    while (this.chain.length > depth) await this.chain.pop()?.handle.close();
  }
}

function stepsOf(path: string): string[] {
  const steps = path.split('/').filter((step) => step !== '');
  if (steps.some((step) => step === '..')) throw new Error('A path leads out of the tree.');
  return steps;
}

async function statsOf(place: string): Promise<BigIntStats | null> {
  try {
    return await lstat(place, { bigint: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function stampOf({ ino, mode, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [ino, mode, size, mtimeNs, ctimeNs].join(':');
}

async function removedFolder(place: string): Promise<boolean> {
  return await rmdir(place).then(
    () => true,
    () => false,
  );
}

/** @throws LeaseholdError local_path_not_allowed for what the service's own user may not do */
function mustBeAllowed(path: string): (error: unknown) => never {
  return (error) => {
    if (!['EACCES', 'EPERM', 'EROFS'].includes(codeOf(error))) throw error;
    const what = path === '' ? 'the folder' : `"${path}" in it`;
    throw new LeaseholdError(
      'local_path_not_allowed',
      `The user that the service runs as may not read or write ${what}.`,
    );
  };
}

function mustBeThere(error: unknown): void {
  if (codeOf(error) !== 'EEXIST') throw error;
}

/** Not `instanceof Error`: Node's own errors come from another realm where tests run in a context. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
