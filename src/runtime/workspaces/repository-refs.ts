import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { git, gitOrNull, inputText, type GitCall } from './git.js';
import type { GitFolder } from './git-folder.js';
import { HASH, refValue } from './git-head.js';
import { workspacePath } from './workspace-path.js';

/** Bounds of what goes to a lease besides the history of what is checked out. */
const MAX_REFS = 1_000;
const MAX_BYTES = 64 * 1024 * 1024;

const KINDS = ['refs/heads', 'refs/remotes', 'refs/tags'];
/** What others are compared with goes first. */
const MAIN = /^refs\/(?:heads|remotes\/[^/]+)\/(?:main|master|trunk|develop|HEAD)$/;

export interface ChosenRefs {
  readonly names: readonly string[];
  /** How many there are besides. */
  readonly leftOut: number;
}

/**
 * Puts the branches, remote branches and tags that go to a lease into our git folder. All of them where that is not too much; else what others are
 * compared with, then the newest.
 * @param own ours, in which `call` lets git work @param first refs that go before all others
 */
export async function chooseRefs(
  common: GitFolder,
  own: string,
  call: GitCall,
  head: string,
  first: readonly string[],
): Promise<ChosenRefs> {
  const all = await refsOf(common);
  const there = await existing([...all.entries()], call);
  await writeRefs(own, there);
  const newest =
    (await gitOrNull(['for-each-ref', '--sort=-creatordate', '--format=%(refname)', ...KINDS], call)) ?? '';
  const rank = (name: string): number => (first.includes(name) ? 0 : MAIN.test(name) ? 1 : 2);
  let names = newest
    .split('\n')
    .filter((name) => name !== '')
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, MAX_REFS);
  while (names.length > 0 && !((await bytesOf(names, head, call)) <= MAX_BYTES))
    names = names.slice(0, Math.floor(names.length / 2));
  const chosen = new Set(names);
  await writeRefs(
    own,
    there.filter(([name]) => chosen.has(name)),
  );
  return { names, leftOut: all.size - names.length };
}

async function refsOf(common: GitFolder): Promise<Map<string, string>> {
  const refs = new Map<string, string>();
  for (const line of (await common.text('packed-refs')).split('\n')) {
    const [value = '', name = ''] = line.split(' ');
    if (isOfKind(name) && HASH.test(value)) refs.set(name, value);
  }
  for (const name of await common.files(KINDS)) {
    let value: string | null = await refValue(common, name);
    if (value?.startsWith('ref:')) value = await refValue(common, value.slice('ref:'.length).trim());
    if (isOfKind(name) && value !== null && HASH.test(value)) refs.set(name, value);
  }
  return refs;
}

function isOfKind(name: string): boolean {
  return (
    KINDS.some((kind) => name.startsWith(`${kind}/`)) && workspacePath(name) === name && !/[\n ]|\.lock$/.test(name)
  );
}

async function existing(
  refs: readonly (readonly [string, string])[],
  call: GitCall,
): Promise<(readonly [string, string])[]> {
  if (refs.length === 0) return [];
  const input = refs.map(([, value]) => `${value}\n`).join('');
  const answers = (await git(['cat-file', '--batch-check'], { ...call, input })).split('\n');
  return refs.filter((_, index) => !(answers[index] ?? 'missing').endsWith('missing'));
}

async function writeRefs(own: string, refs: readonly (readonly [string, string])[]): Promise<void> {
  const lines = [...refs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${value} ${name}\n`);
  await writeFile(join(own, 'packed-refs'), `# pack-refs with: sorted \n${lines.join('')}`);
}

/** What they have besides the history of the head; NaN where git cannot tell. */
async function bytesOf(names: readonly string[], head: string, call: GitCall): Promise<number> {
  const input = inputText([...names, `^${head}`].map((name) => `${name}\n`).join(''));
  return Number((await gitOrNull(['rev-list', '--objects', '--disk-usage', '--stdin'], { ...call, input })) ?? NaN);
}
