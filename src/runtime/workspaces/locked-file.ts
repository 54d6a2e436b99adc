import { constants } from 'node:fs';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { BlockedError, codeOf, type LocalTree } from './local-tree.js';

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/** A file of a git folder, locked the way git locks it: while `<name>.lock` is ours, no git writes the file. */
export class LockedFile {
  private done = false;

  private constructor(
    private readonly folder: FileHandle,
    private readonly name: string,
    private readonly lock: FileHandle,
  ) {}

  /** Null when somebody else holds the lock, or the path leads through something that is no folder. */
  static async take(tree: LocalTree, path: string): Promise<LockedFile | null> {
    const folder = await tree.folderOf(path, true).catch((error: unknown) => {
      if (error instanceof BlockedError) return null;
      throw error;
    });
    if (folder === null) return null;
    const name = basename(path);
    try {
      const place = `/proc/self/fd/${String(folder.fd)}/${name}.lock`;
      return new LockedFile(folder, name, await open(place, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644));
    } catch (error) {
      await folder.close();
      if (codeOf(error) === 'EEXIST') return null;
      throw error;
    }
  }

  /** Puts the content in the place of the file's, whole, and gives the lock up. */
  async replace(content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of content) await this.lock.writeFile(chunk);
    await this.lock.datasync();
    await rename(this.placeOf(`${this.name}.lock`), this.placeOf(this.name));
    this.done = true;
  }

  /** Gives the lock up where that has not happened yet. */
  async close(): Promise<void> {
    await this.lock.close();
    if (!this.done) await rm(this.placeOf(`${this.name}.lock`), { force: true });
    await this.folder.close();
  }

  private placeOf(name: string): string {
    return `/proc/self/fd/${String(this.folder.fd)}/${name}`;
  }
}
