import type { Readable } from 'node:stream';
import { LeaseholdError } from '../../errors/catalogue.js';
import { archiveEntries, type ArchiveEntry } from './archive-reader.js';
import { ArchiveWriter } from './archive-writer.js';
import type { Entry } from './decide.js';
import { Digest } from './digest.js';
import type { LeaseSide } from './lease-side.js';
import { localEntries } from './local-entries.js';
import type { LocalRepository } from './local-repository.js';
import type { LocalTree } from './local-tree.js';
import { PREPARE, RECEIVE_HISTORY, RECEIVE_NO_HISTORY, UNPACK } from './remote-scripts.js';
import { sendSettings, settleIndex } from './settle-index.js';
import type { LeftOut } from './sync-names.js';
import { keepManifest, type WorkspaceBase } from './workspace-base.js';
import { parentOf } from './workspace-path.js';

export type SyncSource =
  | { readonly kind: 'local'; readonly tree: LocalTree; readonly repository: LocalRepository | null }
  | { readonly kind: 'archive'; readonly stream: Readable };

export interface SyncInOptions {
  /** Whether what git ignores goes too. */
  readonly includeIgnored: boolean;
  /** Whether files that this lease has not put there may be removed. */
  readonly replace: boolean;
  readonly maxBytes: number;
}

export interface SyncedIn {
  readonly base: WorkspaceBase;
  readonly files: number;
  readonly symlinks: number;
  readonly bytes: number;
  readonly leftOut: readonly LeftOut[];
}

/**
 * Makes the lease's workspace what the source is. It may be interrupted anywhere; a repeat starts from the beginning.
 * @throws DriverError, GitError, LeaseholdError workspace_not_empty, workspace_in_use, invalid_archive, archive_too_large
 */
export async function syncIn(
  side: LeaseSide,
  leaseId: string,
  source: SyncSource,
  { includeIgnored, replace, maxBytes }: SyncInOptions,
): Promise<SyncedIn> {
  const repository = source.kind === 'local' ? source.repository : null;
  const leftOut: LeftOut[] = [];
  const leave = (path: string, why: string): void => void leftOut.push({ path, why });
  // Before anything of the lease is removed.
  if (await repository?.cutOff())
    leave('.git/objects', 'some of the history before the head is not here: a partial clone');
  const archive = source.kind === 'archive' ? await begun(archiveEntries(source.stream, { maxBytes })) : null;
  try {
    await side.runScript(PREPARE, [leaseId, String(replace), repository ? 'git' : '']);
  } catch (error) {
    await archive?.stop();
    throw error;
  }
  if (repository) {
    await sendHistory(side, leaseId, repository, leave);
    await sendSettings(side, leaseId, repository);
  }
  const entries =
    source.kind === 'local'
      ? localEntries(source.tree, repository && (await repository.paths(includeIgnored)), leave)
      : (archive as BegunArchive).entries;
  const sent = await sendEntries(side, leaseId, entries, maxBytes);
  if (repository) await settleIndex(side, leaseId, repository, new Set(sent.keys()), leave);
  else addFolders(sent);
  const counted = [...sent.values()];
  return {
    base: {
      strategy: repository ? 'git' : 'archive',
      manifest: await keepManifest(side, leaseId, sent),
      head: repository?.head.commit ?? null,
      branch: repository?.head.branch ?? null,
      source: source.kind === 'local' ? source.tree.path : null,
      includeIgnored,
    },
    files: counted.filter(({ type }) => type === 'file').length,
    symlinks: counted.filter(({ type }) => type === 'symlink').length,
    bytes: counted.reduce((sum, entry) => sum + (entry.type === 'file' ? entry.size : 0), 0),
    leftOut,
  };
}

async function sendHistory(
  side: LeaseSide,
  leaseId: string,
  repository: LocalRepository,
  leave: (path: string, why: string) => void,
): Promise<void> {
  for (const { file, what } of await repository.unfinished()) {
    leave(`.git/${file}`, `${what} is in progress here, and the lease does not get its state`);
  }
  const { objectFormat, commit, branch, shallow } = repository.head;
  if (commit === null) return side.runScript(RECEIVE_NO_HISTORY, [leaseId, objectFormat, branch ?? 'main']);
  const args = [leaseId, objectFormat, commit, branch ?? '', shallow.join('\n')];
  await side.send(RECEIVE_HISTORY, args, async (input) => {
    const tooMany = await repository.writeHistory(input);
    if (tooMany > 0)
      leave('.git/refs', `${tooMany} branches and tags were not sent: too many, or their history is too large`);
  });
}

interface BegunArchive {
  readonly entries: AsyncIterable<ArchiveEntry>;
  /** Instead of reading on. */
  stop(): Promise<unknown>;
}

/** Reads the first of an archive's entries: what is no archive at all is refused before anything else happens. */
async function begun(archive: AsyncGenerator<ArchiveEntry>): Promise<BegunArchive> {
  const first = await archive.next();
  const entries = (async function* () {
    if (first.done) return;
    yield first.value;
    yield* archive;
  })();
  return { entries, stop: () => archive.return(undefined) };
}

async function sendEntries(
  side: LeaseSide,
  leaseId: string,
  entries: AsyncIterable<ArchiveEntry>,
  maxBytes: number,
): Promise<Map<string, Entry>> {
  const sent = new Map<string, Entry>();
  let bytes = 0;
  await side.send(UNPACK, [leaseId], async (input) => {
    const archive = new ArchiveWriter(input);
    for await (const entry of entries) {
      if (entry.item.type === 'file') bytes += entry.item.size;
      if (bytes > maxBytes) throw new LeaseholdError('archive_too_large', `It has more than ${maxBytes} bytes.`);
      sent.set(entry.path, await send(archive, entry));
    }
    await archive.finish();
  });
  return sent;
}

async function send(archive: ArchiveWriter, { path, item }: ArchiveEntry): Promise<Entry> {
  if (item.type !== 'file') {
    await archive.add(path, item);
    return item;
  }
  const { mode, size, content } = item;
  const digest = new Digest();
  await archive.add(path, { ...item, content: digest.of(content) });
  return { type: 'file', mode, size, sha256: digest.hex() };
}

/** An archive need not name the folders that its files are in. */
function addFolders(manifest: Map<string, Entry>): void {
  for (const path of [...manifest.keys()]) {
    // Where one is there, those around it are or will be.
    for (let folder = parentOf(path); folder !== '' && !manifest.has(folder); folder = parentOf(folder)) {
      manifest.set(folder, { type: 'directory', mode: 0o755 });
    }
  }
}
