import { createWriteStream } from 'node:fs';
import { ArchiveWriter } from './archive-writer.js';
import { sameEntry, type Entry } from './decide.js';
import { Digest } from './digest.js';
import type { LocalRepository } from './local-repository.js';
import type { LocalTree } from './local-tree.js';
import { mergeBack, type MergedBack } from './merge-back.js';
import { refusedHistory, settleHistory, takeHistory, type TakenHistory } from './return-history.js';
import { receiveRun, visitRun, type RunSource } from './run-tree.js';
import type { Spool } from './spool.js';
import type { LeftOut, ReturnedCommits } from './sync-names.js';
import { keepManifest, type WorkspaceBase } from './workspace-base.js';

export interface SyncedOut extends Omit<MergedBack, 'manifest'> {
  readonly commits: ReturnedCommits | null;
  /** What counts from now on; null when that has not changed. */
  readonly base: WorkspaceBase | null;
}

/** Brings a workspace back into a folder of the service's machine. @throws DriverError, LeaseholdError */
export async function syncOut(
  source: RunSource,
  tree: LocalTree,
  repository: LocalRepository | null,
  spool: Spool,
): Promise<SyncedOut> {
  const { side, leaseId, base, manifest } = source;
  const run = await receiveRun(source, spool);
  const git = base?.strategy === 'git';
  const history: TakenHistory | ReturnedCommits | null =
    git && repository ? await takeHistory(side, leaseId, base, repository, spool).catch(refusedHistory) : null;
  const { manifest: next, ...merged } = await mergeBack(tree, manifest, run, git);
  const commits =
    history && base && repository && !('outcome' in history)
      ? await settleHistory(history, base, repository, merged.conflicts.length > 0)
      : (history as ReturnedCommits | null);
  const leftOut = [...run.leftOut, ...merged.leftOut];
  // Elsewhere, what has come back here is still to come.
  if (base?.source !== tree.path) return { ...merged, leftOut, commits, base: null };
  const digest = await keepManifest(side, leaseId, next);
  const head = commits?.outcome === 'fast_forwarded' ? commits.commit : base.head;
  return { ...merged, leftOut, commits, base: { ...base, manifest: digest, head } };
}

export interface PackedOut {
  /** The archive's file in the spool. */
  readonly file: string;
  readonly added: number;
  readonly changed: number;
  readonly deleted: number;
  readonly bytes: number;
  readonly leftOut: readonly LeftOut[];
}

/** Where an archive of changes says what they are. */
export const CHANGES_ENTRY = '.leasehold/changes.json';

/**
 * Makes an archive of a workspace as the run has left it.
 * @param changesOnly only what the run has changed since the sync in, and a list of it as {@link CHANGES_ENTRY}
 */
export async function packOut(source: RunSource, spool: Spool, changesOnly: boolean): Promise<PackedOut> {
  const file = spool.name();
  const archive = new ArchiveWriter(createWriteStream(file, { flags: 'wx', mode: 0o600 }));
  return changesOnly ? await packChanges(source, spool, archive, file) : await packAll(source, archive, file);
}

async function packAll(source: RunSource, archive: ArchiveWriter, file: string): Promise<PackedOut> {
  const entries = new Map<string, Entry>();
  const leftOut = await visitRun(source, async ({ path, item }) => {
    if (item.type !== 'file') {
      entries.set(path, item);
      await archive.add(path, item);
      return;
    }
    const digest = new Digest();
    await archive.add(path, { ...item, content: digest.of(item.content) });
    entries.set(path, { type: 'file', mode: item.mode, size: digest.size, sha256: digest.hex() });
  });
  await archive.finish();
  return { file, ...counted(changesOf(source, entries, leftOut), bytesOf([...entries.values()])), leftOut };
}

async function packChanges(source: RunSource, spool: Spool, archive: ArchiveWriter, file: string): Promise<PackedOut> {
  const { entries, contents, times, leftOut } = await receiveRun(source, spool);
  const changes = changesOf(source, entries, leftOut);
  const sent: Entry[] = [];
  for (const path of [...changes.added, ...changes.changed].sort()) {
    const entry = entries.get(path);
    const content = contents.get(path);
    if (!entry || entry.type === 'other') continue;
    sent.push(entry);
    if (entry.type !== 'file') await archive.add(path, entry);
    else if (content) await archive.add(path, { ...entry, modified: times.get(path), content: content() });
  }
  const list = Buffer.from(`${JSON.stringify({ version: 1, ...changes })}\n`);
  await archive.add(CHANGES_ENTRY, { type: 'file', mode: 0o644, size: list.length, content: oneChunk(list) });
  await archive.finish();
  return { file, ...counted(changes, bytesOf(sent)), leftOut };
}

interface Changes {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly deleted: readonly string[];
}

function changesOf({ manifest }: RunSource, run: ReadonlyMap<string, Entry>, leftOut: readonly LeftOut[]): Changes {
  const unknown = new Set(leftOut.map(({ path }) => path));
  const before = [...manifest.keys()];
  const differs = (path: string): boolean => !sameEntry(manifest.get(path) ?? null, run.get(path) ?? null);
  return {
    added: [...run.keys()].filter((path) => !manifest.has(path)).sort(),
    changed: before.filter((path) => run.has(path) && differs(path)).sort(),
    deleted: before.filter((path) => !run.has(path) && !unknown.has(path)).sort(),
  };
}

function counted(
  { added, changed, deleted }: Changes,
  bytes: number,
): { added: number; changed: number; deleted: number; bytes: number } {
  return { added: added.length, changed: changed.length, deleted: deleted.length, bytes };
}

function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + (entry.type === 'file' ? entry.size : 0), 0);
}

async function* oneChunk(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(chunk);
}
