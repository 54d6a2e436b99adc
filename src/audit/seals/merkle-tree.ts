import { hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** SHA-256. */
export const HASH_BYTES = 32;

const PAIR_BYTES = 1 + 2 * HASH_BYTES;

/*
 * The hash tree of RFC 6962, 2.1: leaves are hashed behind a 0 byte, pairs behind a 1, so that neither is ever mistaken for
 * the other; a node without a neighbour is carried up as it is. Leaves are held in one buffer, one after another.
 */

export function leafHash(entry: Buffer): Buffer {
  return hash('sha256', Buffer.concat([Buffer.of(0), entry]), 'buffer');
}

/** Leaves that are hashed in one turn; a power of two, so that they are a tree of their own within the whole. */
const TURN = 256;

/** In turns: whatever else the process has to do comes between them. @param leaves at least one */
export async function treeRoot(leaves: Buffer): Promise<Buffer> {
  const roots: Buffer[] = [];
  for (let from = 0; from < leaves.length; from += TURN * HASH_BYTES) {
    roots.push(rootAtOnce(leaves.subarray(from, from + TURN * HASH_BYTES)));
    await nextTurn();
  }
  return rootAtOnce(Buffer.concat(roots));
}

/** The hashes that lead from one leaf to the root, lowest first. */
export function auditPath(leaves: Buffer, index: number): Buffer[] {
  const path: Buffer[] = [];
  let at = index;
  for (let level = leaves; level.length > HASH_BYTES; level = levelAbove(level)) {
    const neighbour = hashAt(level, at ^ 1);
    if (neighbour.length > 0) path.push(neighbour);
    at >>= 1;
  }
  return path;
}

/** The root that a leaf and its path lead to; null where the path does not fit the place in a tree of that size. */
export function rootOfPath(leaf: Buffer, index: number, size: number, path: readonly Buffer[]): Buffer | null {
  if (index < 0 || index >= size) return null;
  const pair = newPair();
  let [node, at, last, used] = [leaf, index, size - 1, 0];
  for (; last > 0; at >>= 1, last >>= 1) {
    if (at === last && at % 2 === 0) continue;
    const neighbour = path[used];
    if (neighbour?.length !== HASH_BYTES) return null;
    used += 1;
    const [left, right] = at % 2 === 1 ? [neighbour, node] : [node, neighbour];
    left.copy(pair, 1);
    right.copy(pair, 1 + HASH_BYTES);
    node = hash('sha256', pair, 'buffer');
  }
  return used === path.length ? node : null;
}

/** One leaf of many; empty past the end. */
export function hashAt(leaves: Buffer, index: number): Buffer {
  return leaves.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
}

function rootAtOnce(leaves: Buffer): Buffer {
  let level = leaves;
  while (level.length > HASH_BYTES) level = levelAbove(level);
  return level;
}

function levelAbove(level: Buffer): Buffer {
  const pair = newPair();
  const above = Buffer.allocUnsafe(Math.ceil(level.length / (2 * HASH_BYTES)) * HASH_BYTES);
  for (let from = 0, to = 0; from < level.length; from += 2 * HASH_BYTES, to += HASH_BYTES) {
    if (from + HASH_BYTES === level.length) level.copy(above, to, from);
    else {
      level.copy(pair, 1, from, from + 2 * HASH_BYTES);
      // As text, for which Node has no buffer to allocate: a tree is hashed in half the time.
      above.write(hash('sha256', pair, 'binary'), to, 'latin1');
    }
  }
  return above;
}

function newPair(): Buffer {
  return Buffer.alloc(PAIR_BYTES, 1);
}
