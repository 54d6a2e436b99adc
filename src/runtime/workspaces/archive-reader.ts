import type { Readable } from 'node:stream';
import { extract, type Header } from 'tar-stream';
import { LeaseholdError } from '../../errors/catalogue.js';
import type { ArchiveItem } from './archive-writer.js';
import { compressionOf } from './compression.js';
import { sparseName, unknownRecord } from './pax-records.js';
import { PathTree } from './path-tree.js';
import { isOwn, MAX_PATH_BYTES, workspacePath } from './workspace-path.js';

const BLOCK_BYTES = 512;
/** The oldest format (v7) has no name to be known by; what is no archive at all is seen by its checksums. */
const READING = { highWaterMark: 16 * 1024, allowUnknownFormat: true };
/** Of a name that is refused, as it is told of. */
const SHOWN_CHARACTERS = 256;

export interface ArchiveLimits {
  /** Bytes of the archive. */
  readonly maxBytes: number;
  /** An entry that must be there, and who reads it: without it, some of the archive is missing. */
  readonly mark?: { readonly name: string; readonly read: (content: AsyncIterable<Uint8Array>) => Promise<void> };
  /** Told of each entry that is left out; where it is absent, such an entry ends the reading. */
  readonly leftOut?: (name: string, why: string) => void;
}

export type ArchiveEntry = { readonly path: string; readonly item: ArchiveItem };

/**
 * The entries of a tar archive, one after the other. Read the content of a file before asking for the next entry.
 * Nothing of an archive is trusted: no entry leads out of the workspace, by its name or through a symlink before it.
 * Hard links and devices are refused.
 * @throws LeaseholdError invalid_archive, archive_too_large
 */
export async function* archiveEntries(
  source: Readable,
  { maxBytes, mark, leftOut }: ArchiveLimits,
): AsyncGenerator<ArchiveEntry> {
  const archive = extract(READING);
  let bytes = 0;
  let head = Buffer.alloc(0);
  let tail = Buffer.alloc(0);
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (head.length < BLOCK_BYTES) {
      head = Buffer.concat([head, chunk.subarray(0, BLOCK_BYTES)]);
      const compression = compressionOf(head);
      if (compression !== null) {
        const why = `It is compressed (${compression}): send the tar archive itself.`;
        archive.destroy(new LeaseholdError('invalid_archive', why));
      }
    }
    tail = Buffer.concat([tail, chunk.subarray(-BLOCK_BYTES)]).subarray(-BLOCK_BYTES);
    if (bytes > maxBytes)
      archive.destroy(new LeaseholdError('archive_too_large', `It has more than ${maxBytes} bytes.`));
  };
  const cutOff = (): void => {
    if (!source.readableEnded) archive.destroy(new LeaseholdError('invalid_archive', 'The archive is incomplete.'));
  };
  source.on('data', count).on('error', cutOff).on('close', cutOff);
  source.pipe(archive);
  if (source.destroyed) cutOff();
  const places = new PathTree();
  let marked = mark === undefined;
  try {
    for await (const entry of archive) {
      const isMark = mark !== undefined && entry.header.name === mark.name;
      const found = entryOf(entry, places, isMark);
      if (typeof found === 'string') {
        const name = sparseName(entry.header) ?? entry.header.name;
        if (!leftOut) {
          const shown = JSON.stringify(name.slice(0, SHOWN_CHARACTERS));
          throw new LeaseholdError('invalid_archive', `${shown} is refused: ${found}.`);
        }
        const kept = workspacePath(name) === null ? name.slice(0, SHOWN_CHARACTERS) : name;
        places.count(kept);
        leftOut(kept, found);
      } else if (isMark && found?.item.type === 'file') {
        await mark.read(found.item.content);
        marked = true;
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
  if (!marked || !isWhole)
    throw new LeaseholdError('invalid_archive', 'The archive is incomplete: its end is missing.');
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
  return new LeaseholdError(
    'invalid_archive',
    `It is not a tar archive: ${error instanceof Error ? error.message : ''}`,
  );
}

type TarEntry = AsyncIterable<unknown> & { readonly header: Header };

/** An entry, or why it is not one that may be; null for what does not travel. @throws LeaseholdError */
function entryOf(entry: TarEntry, places: PathTree, isMark: boolean): ArchiveEntry | string | null {
  const { name, type, size, linkname, mode: bits, mtime: modified } = entry.header;
  const unknown = unknownRecord(entry.header);
  if (unknown !== null) return `its extended header has ${unknown}, which is unknown`;
  const path = workspacePath(name);
  if (path === null) return 'its name leads out of the workspace, is too long or too deep, or is not valid';
  if (path === '' || (isOwn(path) && !isMark)) return null;
  const mode = bits & 0o777;
  switch (type) {
    case 'directory':
      return places.folder(path) ?? { path, item: { type: 'directory', mode } };
    case 'file':
    case 'contiguous-file':
      return places.leaf(path) ?? { path, item: { type: 'file', mode, size, modified, content: contentOf(entry) } };
    case 'symlink': {
      if (!isTarget(linkname)) return 'it is a symlink without a valid target';
      return places.leaf(path, linkname) ?? { path, item: { type: 'symlink', target: linkname } };
    }
    case 'link':
      return 'it is a hard link (`tar --hard-dereference` sends what it is instead)';
    case 'fifo':
    case 'block-device':
    case 'character-device':
      return `it is a ${type}`;
    // Types that the library does not know come as null, whatever it declares.
    default:
      return 'its type is unknown';
  }
}

function isTarget(target: string): boolean {
  return target !== '' && !/[\0\uFFFD]/.test(target) && Buffer.byteLength(target) <= MAX_PATH_BYTES;
}
