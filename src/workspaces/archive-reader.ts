import type { Readable } from 'node:stream';
import { extract, type Header } from 'tar-stream';
import { LeaseholdError } from '../errors/catalogue.js';
import type { ArchiveItem } from './archive-writer.js';
import { isOwn, parentsOf, workspacePath } from './workspace-path.js';

export const MAX_ENTRIES = 500_000;
/** Why an entry is left out that would be beyond a symlink or a file. */
export const BEYOND = 'it goes through something that is no folder';
const MAX_TARGET_BYTES = 4_096;
const BLOCK_BYTES = 512;

export interface ArchiveLimits {
  /** Bytes of the archive. */
  readonly maxBytes: number;
  /** Name of an entry that must be there: without it, some of the archive is missing. */
  readonly mark?: string;
  /** Told of each entry that is left out; where it is absent, such an entry ends the reading. */
  readonly leftOut?: (name: string, why: string) => void;
}

export type ArchiveEntry = { readonly path: string; readonly item: ArchiveItem };

/**
 * The entries of a tar archive, one after the other; the content of a file is to be read before the next is asked for.
 * Nothing of an archive is trusted: no entry leads out of the workspace, by its name or through a symlink before it.
 * Hard links and devices are none of a workspace's.
 * @throws LeaseholdError invalid_archive, archive_too_large
 */
export async function* archiveEntries(
  source: Readable,
  { maxBytes, mark, leftOut }: ArchiveLimits,
): AsyncGenerator<ArchiveEntry> {
  const archive = extract();
  let bytes = 0;
  let tail = Buffer.alloc(0);
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    tail = Buffer.concat([tail, chunk.subarray(-BLOCK_BYTES)]).subarray(-BLOCK_BYTES);
    if (bytes > maxBytes)
      archive.destroy(new LeaseholdError('archive_too_large', `It has more than ${maxBytes} bytes.`));
  };
  const cutOff = (): void => {
    if (!source.readableEnded) archive.destroy(new LeaseholdError('invalid_archive', 'The archive broke off.'));
  };
  source.on('data', count).on('error', cutOff).on('close', cutOff);
  source.pipe(archive);
  if (source.destroyed) cutOff();
  const places = new Places();
  let marked = mark === undefined;
  try {
    for await (const entry of archive) {
      marked ||= entry.header.name === mark;
      const found = entryOf(entry, places);
      if (typeof found === 'string') {
        if (!leftOut)
          throw new LeaseholdError('invalid_archive', `${JSON.stringify(entry.header.name)} is refused: ${found}.`);
        leftOut(entry.header.name, found);
      } else if (found !== null) yield found;
      // What nobody reads is in the way of the next one.
      entry.resume();
    }
  } catch (error) {
    throw asProblem(error);
  } finally {
    source.unpipe(archive).off('data', count).off('error', cutOff).off('close', cutOff);
    // An error of a source that nobody reads any more ends nothing.
    source.on('error', () => undefined);
    archive.destroy();
  }
  // An archive ends with blocks of zeros; one that broke off between two entries would look like a smaller one.
  const isWhole = tail.length === BLOCK_BYTES && tail.every((byte) => byte === 0);
  if (!marked || !isWhole) throw new LeaseholdError('invalid_archive', 'The archive broke off: its end is not there.');
}

/** What is wrong with an archive may be found out by whoever reads a file of it. */
async function* contentOf(entry: TarEntry): AsyncGenerator<Uint8Array> {
  try {
    yield* entry as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw asProblem(error);
  }
}

function asProblem(error: unknown): LeaseholdError {
  if (error instanceof LeaseholdError) return error;
  return new LeaseholdError('invalid_archive', `It is no tar archive: ${error instanceof Error ? error.message : ''}`);
}

type TarEntry = AsyncIterable<unknown> & { readonly header: Header };

/** An entry, or why it is not one that may be; null for what does not travel. */
function entryOf(entry: TarEntry, places: Places): ArchiveEntry | string | null {
  const { name, type, size, linkname, mode: bits, mtime: modified } = entry.header;
  const path = workspacePath(name);
  if (path === null) return 'its name leads out of the workspace, or is no proper name';
  if (path === '' || isOwn(path)) return null;
  const mode = bits & 0o777;
  switch (type) {
    case 'directory':
      return places.folder(path) ?? { path, item: { type: 'directory', mode } };
    case 'file':
    case 'contiguous-file':
      return places.leaf(path) ?? { path, item: { type: 'file', mode, size, modified, content: contentOf(entry) } };
    case 'symlink': {
      if (!isTarget(linkname)) return 'it is a symlink without a proper target';
      return places.leaf(path) ?? { path, item: { type: 'symlink', target: linkname } };
    }
    case 'link':
      return 'it is a hard link';
    case 'fifo':
    case 'block-device':
    case 'character-device':
      return `it is a ${type}`;
    // Types that the library does not know come as null, whatever it declares.
    default:
      return 'it is of no known type';
  }
}

function isTarget(target: string): boolean {
  return target !== '' && !/[\0\uFFFD]/.test(target) && Buffer.byteLength(target) <= MAX_TARGET_BYTES;
}

/** What an archive has put where: nothing may come after it that goes through it or takes its place. */
class Places {
  private readonly leaves = new Set<string>();
  private readonly folders = new Set<string>();

  /** Null, or why nothing may be there. */
  folder(path: string): string | null {
    if (this.leaves.has(path)) return 'something else has the same name';
    const why = this.into(path);
    if (why === null) this.folders.add(path);
    return why;
  }

  leaf(path: string): string | null {
    if (this.leaves.has(path) || this.folders.has(path)) return 'something else has the same name';
    const why = this.into(path);
    if (why === null) this.leaves.add(path);
    return why;
  }

  /** @throws LeaseholdError archive_too_large */
  private into(path: string): string | null {
    if (this.leaves.size + this.folders.size >= MAX_ENTRIES) {
      throw new LeaseholdError('archive_too_large', `It has more than ${MAX_ENTRIES} entries.`);
    }
    const parents = parentsOf(path);
    if (parents.some((parent) => this.leaves.has(parent))) return BEYOND;
    for (const parent of parents) this.folders.add(parent);
    return null;
  }
}
