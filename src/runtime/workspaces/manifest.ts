import { createHash } from 'node:crypto';
import type { Entry } from './decide.js';

/** What is at each path of a workspace. */
export type Manifest = ReadonlyMap<string, Entry>;

type Line = readonly [path: string, type: Entry['type'], ...rest: readonly (string | number)[]];

const CHUNK_CHARACTERS = 64 * 1024;

/** As it is kept on the lease's side, piece by piece, for all of it may be large. The same manifest is always the same text. */
export function* manifestText(manifest: Manifest): Generator<string> {
  let text = '{"version":1,"entries":[\n';
  let between = '';
  for (const [path, entry] of [...manifest].sort(([a], [b]) => (a < b ? -1 : 1))) {
    text += between + JSON.stringify(lineOf(path, entry));
    between = ',\n';
    if (text.length < CHUNK_CHARACTERS) continue;
    yield text;
    text = '';
  }
  yield `${text}\n]}\n`;
}

/** Names a manifest by what it says: the log has it, so that a manifest that was changed on the lease's side is noticed. */
export function manifestDigest(text: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const piece of text) hash.update(piece);
  return hash.digest('hex');
}

/** @param text that has the digest of one that was written here */
export function parseManifest(text: string): Map<string, Entry> {
  const { entries } = JSON.parse(text) as { readonly entries: readonly Line[] };
  return new Map(entries.map(([path, type, ...rest]) => [path, entryOf(type, rest)]));
}

function lineOf(path: string, entry: Entry): Line {
  switch (entry.type) {
    case 'file':
      return [path, 'file', entry.mode, entry.size, entry.sha256];
    case 'symlink':
      return [path, 'symlink', entry.target];
    case 'directory':
      return [path, 'directory', entry.mode];
    case 'other':
      return [path, 'other'];
  }
}

function entryOf(type: Entry['type'], [first = '', second = 0, third = '']: readonly (string | number)[]): Entry {
  switch (type) {
    case 'file':
      return { type, mode: Number(first), size: Number(second), sha256: String(third) };
    case 'symlink':
      return { type, target: String(first) };
    case 'directory':
      return { type, mode: Number(first) };
    case 'other':
      return { type };
  }
}
