import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Entry } from '../../../src/runtime/workspaces/decide.js';
import { LocalTree } from '../../../src/runtime/workspaces/local-tree.js';
import { mergeBack, type MergedBack } from '../../../src/runtime/workspaces/merge-back.js';
import type { RunTree } from '../../../src/runtime/workspaces/run-tree.js';
import { contentOf } from './workspace-service.js';

let home: string;
beforeAll(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-merge-`)));
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** What is at each path, as {@link contentOf} shows it but for the slash after a folder. */
type Tree = ReadonlyMap<string, string>;

const leaf = fc.constantFrom('644 one', '644 two', '755 one', '-> a', '-> ../b');
const path = fc.constantFrom('a', 'a/a', 'a/b', 'a/a/a', 'b', 'b/a', 'c');

/** A tree, with the folders that its leaves are in; where one would be in the place of another, the first is there. */
const tree: fc.Arbitrary<Tree> = fc
  .array(fc.tuple(path, fc.oneof({ weight: 4, arbitrary: leaf }, fc.constant(''))), { maxLength: 6 })
  .map((entries) => {
    const made = new Map<string, string>();
    for (const [at, what] of entries) {
      const parents = parentsOf(at);
      if (made.has(at) || parents.some((parent) => (made.get(parent) ?? '') !== '')) continue;
      for (const parent of parents) made.set(parent, '');
      made.set(at, what);
    }
    return made;
  });

/** A tree, and what somebody has made of it. */
const edited = (base: Tree): fc.Arbitrary<Tree> =>
  fc.tuple(tree, fc.array(path, { maxLength: 3 })).map(([other, dropped]) => {
    const made = new Map([...base].filter(([at]) => !dropped.some((one) => at === one || at.startsWith(`${one}/`))));
    for (const [at, what] of other) {
      const inTheWay = parentsOf(at).some((parent) => (made.get(parent) ?? '') !== '');
      if (inTheWay || (what !== '' && [...made.keys()].some((one) => one.startsWith(`${at}/`)))) continue;
      for (const parent of parentsOf(at)) made.set(parent, '');
      made.set(at, what);
    }
    return made;
  });

/** What was sent, what the run has made of it, what somebody has made of it here; and whether it is a git workspace. */
const sides = fc.tuple(tree, fc.boolean()).chain(([base, git]) => {
  const side = (made: Tree): Tree => (git ? withoutEmptyFolders(made) : made);
  const edit = edited(base).map(side);
  return fc.tuple(fc.constant(side(base)), edit, edit, fc.constant(git));
});

test('what a run has made of a folder that nobody has changed meanwhile is what is there afterwards', async () => {
  await fc.assert(
    fc.asyncProperty(sides, async ([base, run, , git]) => {
      const { merged, left } = await merge(git, base, run, base);
      expect(merged.conflicts).toEqual([]);
      expect(left).toEqual(run);
    }),
    { numRuns: 80 },
  );
});

test('what was edited here, what the run has not touched, and what is told of as a conflict, is as it was', async () => {
  await fc.assert(
    fc.asyncProperty(sides, async ([base, run, here, git]) => {
      const { merged, left } = await merge(git, base, run, here);
      const told = new Set(merged.conflicts.map(({ path: at }) => at));
      for (const [at, what] of here) {
        const mine = what !== base.get(at);
        const untouched = run.get(at) === base.get(at);
        // A folder may go with the last of what was in it, and come with the first: it is nothing of its own.
        if (what !== '' && (mine || untouched || told.has(at))) expect([at, left.get(at)]).toEqual([at, what]);
      }
      for (const at of told) expect([at, run.get(at)]).not.toEqual([at, base.get(at)]);
      for (const [at, what] of left) {
        if (what !== '' && what !== here.get(at)) expect([at, what]).toEqual([at, run.get(at)]);
      }
    }),
    { numRuns: 80 },
  );
});

test('nothing of the run is lost in silence: it is there, or told of as a conflict', async () => {
  await fc.assert(
    fc.asyncProperty(sides, async ([base, run, here, git]) => {
      const { merged, left } = await merge(git, base, run, here);
      const told = new Set(merged.conflicts.map(({ path: at }) => at));
      for (const [at, what] of run) {
        if (what !== '' && what !== base.get(at) && !told.has(at)) expect([at, left.get(at)]).toEqual([at, what]);
      }
      for (const [at, what] of base) {
        if (what !== '' && !run.has(at) && !told.has(at)) expect([at, left.get(at) ?? '']).toEqual([at, '']);
      }
    }),
    { numRuns: 80 },
  );
});

test('bringing the same back again changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(sides, async ([base, run, here, git]) => {
      const first = await merge(git, base, run, here);
      const second = await merge(git, base, run, first.left, first.merged);
      expect(second.left).toEqual(first.left);
      expect(second.merged.conflicts).toEqual(first.merged.conflicts);
    }),
    { numRuns: 80 },
  );
});

/** @param before the merge that it follows on, whose manifest counts */
async function merge(
  git: boolean,
  base: Tree,
  run: Tree,
  here: Tree,
  before?: MergedBack,
): Promise<{ merged: MergedBack; left: Tree }> {
  const folder = await mkdtemp(join(home, 'tree-'));
  await put(folder, here);
  const local = await LocalTree.open(folder);
  try {
    const merged = await mergeBack(
      local,
      before?.manifest ?? entriesOf(git ? leavesOf(base) : base),
      runTree(git ? leavesOf(run) : run),
      git,
    );
    const left = Object.entries(await contentOf(folder)).map(([at, what]) => [at.replace(/\/$/, ''), what] as const);
    return { merged, left: new Map(left.sort()) };
  } finally {
    await local.close();
    await rm(folder, { recursive: true });
  }
}

async function put(folder: string, content: Tree): Promise<void> {
  for (const [at, what] of [...content].sort()) {
    const place = join(folder, at);
    await mkdir(dirname(place), { recursive: true });
    if (what === '') await mkdir(place);
    else if (what.startsWith('-> ')) await symlink(what.slice(3), place);
    else {
      await writeFile(place, what.slice(4));
      await chmod(place, Number.parseInt(what.slice(0, 3), 8));
    }
  }
}

function runTree(content: Tree): RunTree {
  const contents = [...content].map(([at, what]) => [at, () => oneChunk(Buffer.from(what.slice(4)))] as const);
  return { entries: entriesOf(content), contents: new Map(contents), leftOut: [] };
}

function leavesOf(content: Tree): Tree {
  return new Map([...content].filter(([, what]) => what !== ''));
}

/** Git knows no folders but for what is in them. */
function withoutEmptyFolders(content: Tree): Tree {
  const used = new Set([...leavesOf(content).keys()].flatMap((at) => [at, ...parentsOf(at)]));
  return new Map([...content].filter(([at]) => used.has(at)));
}

function entriesOf(content: Tree): Map<string, Entry> {
  return new Map([...content].map(([at, what]) => [at, entryOf(what)]));
}

function entryOf(what: string): Entry {
  if (what === '') return { type: 'directory', mode: 0o755 };
  if (what.startsWith('-> ')) return { type: 'symlink', target: what.slice(3) };
  const text = what.slice(4);
  const sha256 = createHash('sha256').update(text).digest('hex');
  return { type: 'file', mode: Number.parseInt(what.slice(0, 3), 8), size: text.length, sha256 };
}

function parentsOf(at: string): string[] {
  const parts = at.split('/').slice(0, -1);
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
}

async function* oneChunk(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(chunk);
}
