import { Readable } from 'node:stream';
import { archiveEntries, type ArchiveEntry } from './archive-reader.js';
import { sameEntry, type Entry } from './decide.js';
import { Digest } from './digest.js';
import type { LeaseSide } from './lease-side.js';
import type { Manifest } from './manifest.js';
import { BEYOND } from './path-tree.js';
import { endMark, PACK } from './remote-scripts.js';
import type { Spool } from './spool.js';
import type { LeftOut } from './sync-names.js';
import type { WorkspaceBase } from './workspace-base.js';
import { MAX_PATH_BYTES, parentOf, workspacePath } from './workspace-path.js';

/** Contents up to this are compared in memory. */
const SMALL_BYTES = 1024 * 1024;

/** A workspace as the run has left it. */
export interface RunTree {
  readonly entries: ReadonlyMap<string, Entry>;
  /** The contents of the files that are not as they were sent, by path. */
  readonly contents: ReadonlyMap<string, () => AsyncIterable<Uint8Array>>;
  readonly leftOut: readonly LeftOut[];
}

export interface ReceivedRun extends RunTree {
  /** When the run wrote these contents. */
  readonly times: ReadonlyMap<string, Date>;
}

export interface RunSource {
  readonly side: LeaseSide;
  readonly leaseId: string;
  /** Null: nothing was ever sent. */
  readonly base: WorkspaceBase | null;
  readonly manifest: Manifest;
  readonly includeIgnored: boolean;
  readonly maxBytes: number;
}

/** Gives everything that is in the workspace to `visit`, which reads the content of a file before it returns. @throws DriverError */
export async function visitRun(
  { side, leaseId, base, manifest, includeIgnored, maxBytes }: RunSource,
  visit: (entry: ArchiveEntry) => Promise<void>,
): Promise<LeftOut[]> {
  const leftOut: LeftOut[] = [];
  // What has come is no longer missing, whatever it has come as.
  const missing = new Set(manifest.keys());
  const git = base?.strategy === 'git';
  const which = git ? (includeIgnored ? 'git-all' : 'git') : 'all';
  const limits = {
    maxBytes: maxBytes + tarOverhead(manifest),
    mark: {
      name: endMark(leaseId),
      read: async (list: AsyncIterable<Uint8Array>): Promise<void> => {
        for await (const name of namesIn(list)) {
          const path = workspacePath(name);
          if (path === null || !missing.has(path)) continue;
          leftOut.push({ path, why: 'it is there, but not in the archive that was made of it' });
        }
      },
    },
    leftOut: (name: string, why: string): void => {
      const path = workspacePath(name) ?? name;
      missing.delete(path);
      // Where a symlink has come in the place of a folder, what was in the folder is gone.
      if (why !== BEYOND) leftOut.push({ path, why });
    },
  };
  // Whatever has become of what was sent, even if git ignores it by now.
  const sent = git ? Readable.from(namesOf(manifest)) : Readable.from([]);
  await side.receive(PACK, [leaseId, which], sent, async (output) => {
    for await (const entry of archiveEntries(output, limits)) {
      missing.delete(entry.path);
      // Git knows no folders; they come and go with what is in them.
      if (!git || entry.item.type !== 'directory') await visit(entry);
    }
  });
  return leftOut;
}

/** The workspace as the run has left it, with the contents of what is not as it was sent. */
export async function receiveRun(source: RunSource, spool: Spool): Promise<ReceivedRun> {
  const entries = new Map<string, Entry>();
  const contents = new Map<string, () => AsyncIterable<Uint8Array>>();
  const times = new Map<string, Date>();
  const leftOut = await visitRun(source, async ({ path, item }) => {
    if (item.type !== 'file') {
      entries.set(path, item);
      return;
    }
    const digest = new Digest();
    const content = digest.of(item.content);
    const kept = item.size <= SMALL_BYTES ? await inMemory(content) : await spool.keep(content);
    const entry: Entry = { type: 'file', mode: item.mode, size: digest.size, sha256: digest.hex() };
    entries.set(path, entry);
    if (item.modified) times.set(path, item.modified);
    const same = sameEntry(source.manifest.get(path) ?? null, entry);
    if (typeof kept === 'string') {
      if (same) await spool.drop(kept);
      else contents.set(path, () => spool.read(kept));
    } else if (!same) {
      const name = await spool.keep(oneChunk(kept));
      contents.set(path, () => spool.read(name));
    }
  });
  return { entries, contents, times, leftOut };
}

async function inMemory(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* oneChunk(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(chunk);
}

function* namesOf(manifest: Manifest): Generator<Buffer> {
  const names = new Set<string>();
  for (const path of manifest.keys()) {
    // Where one is there, those around it are too.
    for (let name = path; name !== '' && !names.has(name); name = parentOf(name)) names.add(name);
  }
  for (const name of names) yield Buffer.from(`./${name}\0`);
}

/** Names that are each ended by a NUL. */
async function* namesIn(list: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const chunk of list) {
    let begin = 0;
    const bytes = Buffer.concat([rest, chunk]);
    for (let end = bytes.indexOf(0); end !== -1; end = bytes.indexOf(0, begin)) {
      yield bytes.toString('utf8', begin, end);
      begin = end + 1;
    }
    // What is longer is no path, and its end is of no interest.
    rest = bytes.subarray(begin, begin + 2 * MAX_PATH_BYTES);
  }
}

/** Headers and padding, which are not what the limit is about. */
function tarOverhead(manifest: Manifest): number {
  return 64 * 1024 * 1024 + manifest.size * 4_096;
}
