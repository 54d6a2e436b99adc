import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { auditPath, leafHash, rootOfPath, treeRoot } from '../../../src/audit/seals/merkle-tree.js';

const entries = fc.array(fc.string(), { minLength: 1, maxLength: 70 });
const leafOf = (text: string): Buffer => leafHash(Buffer.from(text));
const leavesOf = (texts: readonly string[]): Buffer => Buffer.concat(texts.map(leafOf));

test('the root is that of RFC 6962, 2.1, by its recursive definition', async () => {
  const sha = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
  const root = (texts: readonly string[]): Buffer => {
    const [only = ''] = texts;
    if (texts.length === 1) return sha(Buffer.from([0]), Buffer.from(only));
    const half = 2 ** Math.ceil(Math.log2(texts.length) - 1);
    return sha(Buffer.from([1]), root(texts.slice(0, half)), root(texts.slice(half)));
  };
  // Also of more leaves than are hashed at once.
  const many = fc.integer({ min: 1, max: 3_000 }).map((count) => Array.from({ length: count }, String));
  const edges = [256, 257, 511, 512, 513].map((count): [string[]] => [Array.from({ length: count }, String)]);
  await fc.assert(
    fc.asyncProperty(fc.oneof(entries, many), async (texts) => {
      expect(await treeRoot(leavesOf(texts))).toEqual(root(texts));
    }),
    { examples: edges },
  );
});

test('every leaf’s path leads to the root, and no other leaf’s does', async () => {
  await fc.assert(
    fc.asyncProperty(entries, fc.nat(), fc.string(), async (texts, pick, other) => {
      const leaves = leavesOf(texts);
      const index = pick % texts.length;
      const path = auditPath(leaves, index);
      const root = await treeRoot(leaves);
      const entry = texts[index] ?? '';
      expect(rootOfPath(leafOf(entry), index, texts.length, path)).toEqual(root);
      if (other !== entry) expect(rootOfPath(leafOf(other), index, texts.length, path)).not.toEqual(root);
      expect(rootOfPath(leafOf(entry), texts.length, texts.length, path)).toBeNull();
      expect(rootOfPath(leafOf(entry), index, texts.length, [...path, leafOf('')])).toBeNull();
    }),
  );
});

test('a tree with one leaf changed has another root', async () => {
  await fc.assert(
    fc.asyncProperty(entries, fc.nat(), fc.string(), async (texts, pick, other) => {
      const index = pick % texts.length;
      fc.pre(texts[index] !== other);
      expect(await treeRoot(leavesOf(texts.with(index, other)))).not.toEqual(await treeRoot(leavesOf(texts)));
    }),
  );
});
