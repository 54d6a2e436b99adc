import { LeaseholdError } from '../../errors/catalogue.js';
import { parentOf } from './workspace-path.js';

export const MAX_ENTRIES = 500_000;
const MIB = 1024 * 1024;
/** Names and what symlinks lead to, of all entries together. */
const MAX_NAME_BYTES = 64 * MIB;
/** An archive of long deep names implies many times as many bytes of folders as it has itself. */
const MAX_IMPLIED_BYTES = 4 * MIB;

/** Why an entry is left out that would be beyond a symlink or a file. */
export const BEYOND = 'its path leads through something that is not a folder';
const TAKEN = 'something else has the same name';

/** Null: what is there is no folder. */
type Folder = Map<string, Folder | null>;

/** What has been put where: nothing may come after it that goes through it or takes its place. Bounded by what it takes to keep it. */
export class PathTree {
  private readonly root: Folder = new Map();
  private entries = 0;
  private namedBytes = 0;
  private impliedBytes = 0;

  /** Null, or why no folder may be there. @throws LeaseholdError archive_too_large */
  folder(path: string): string | null {
    const folder = this.into(path);
    if (folder === null) return BEYOND;
    const name = nameOf(path);
    const there = folder.get(name);
    if (there === null) return TAKEN;
    if (there === undefined) folder.set(name, new Map());
    this.count(path);
    return null;
  }

  /** The same for a file, or for a symlink and what it leads to. */
  leaf(path: string, target = ''): string | null {
    const folder = this.into(path);
    if (folder === null) return BEYOND;
    const name = nameOf(path);
    if (folder.has(name)) return TAKEN;
    folder.set(name, null);
    this.count(path + target);
    return null;
  }

  /** Something that is kept of an entry that is left out. */
  count(text: string): void {
    this.entries += 1;
    this.namedBytes += Buffer.byteLength(text);
    if (this.entries > MAX_ENTRIES) throw tooLarge(`It has more than ${MAX_ENTRIES} entries.`);
    if (this.namedBytes > MAX_NAME_BYTES) {
      throw tooLarge(`Its names have more than ${MAX_NAME_BYTES / MIB} MiB together.`);
    }
  }

  /** The folder that a path is in, made where it is only implied. */
  private into(path: string): Folder | null {
    let folder = this.root;
    let end = -1;
    for (const name of parentOf(path).split('/')) {
      end += name.length + 1;
      if (name === '') break;
      const there = folder.get(name);
      if (there === null) return null;
      const next = there ?? new Map<string, Folder | null>();
      if (there === undefined) this.imply(folder, name, next, end);
      folder = next;
    }
    return folder;
  }

  private imply(folder: Folder, name: string, implied: Folder, length: number): void {
    folder.set(name, implied);
    this.impliedBytes += length;
    if (this.impliedBytes > MAX_IMPLIED_BYTES + this.namedBytes) {
      throw tooLarge('It implies too many folders with long names: name them, or send less.');
    }
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function tooLarge(why: string): LeaseholdError {
  return new LeaseholdError('archive_too_large', why);
}
