import type { Pool, PoolClient } from 'pg';
import { readLeaves } from './entries.js';
import { HASH_BYTES, treeRoot } from './merkle-tree.js';
import { insertSeal, lastSeal } from './seal-table.js';
import { NO_SEAL_HASH, sealHash, type Seal } from './seal.js';
import type { SealKeys } from './seal-keys.js';

/** Events of one seal at most: each costs a commit, which the appends wait behind. */
export const SEAL_EVENTS = 4_096;

const SEALERS_LOCK = 5_021_774;

/** A process that stops in the middle of it must not keep others from sealing for ever. */
const BEGIN = `BEGIN; SET LOCAL idle_in_transaction_session_timeout = '60s'`;

/** Why the log cannot be sealed any further: somebody has to look. */
export class CannotSealError extends Error {
  override readonly name = 'CannotSealError';
}

/**
 * Seals the next events.
 *
 * Who seals is settled by a lock that ends with the transaction, so that a process that was killed blocks nobody;
 * and should two seal anyway, the second finds the number taken.
 * @param most events of a seal; a test makes a chain of short ones
 * @returns null when nothing is left, or another process is at it
 * @throws CannotSealError
 */
export async function sealNext(pool: Pool, keys: SealKeys, now: () => Date, most = SEAL_EVENTS): Promise<Seal | null> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query(BEGIN);
    const seal = (await isOnlySealer(client)) ? await sealUnderLock(client, keys, now, most) : null;
    await client.query(seal ? 'COMMIT' : 'ROLLBACK');
    return seal;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

async function isOnlySealer(client: PoolClient): Promise<boolean> {
  const { rows } = await client.query<{ got: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS got', [SEALERS_LOCK]);
  return rows[0]?.got === true;
}

async function sealUnderLock(client: PoolClient, keys: SealKeys, now: () => Date, most: number): Promise<Seal | null> {
  const last = await lastSeal(client);
  if (last && !keys.trusted.has(last.keyId)) {
    throw new CannotSealError(
      `Seal ${last.number} is signed with the key ${last.keyId}, which this process does not have, so it seals nothing. ` +
        'Give every process the same LEASEHOLD_AUDIT_KEY or audit.key.',
    );
  }
  const fromPosition = (last?.toPosition ?? 0) + 1;
  const upTo = fromPosition + most - 1;
  const { positions, leaves: all } = await readLeaves(client, fromPosition - 1, upTo);
  const gap = positions.findIndex((position, index) => position !== fromPosition + index);
  const count = gap < 0 ? positions.length : gap;
  if (count === 0) {
    if (gap < 0) return null;
    throw new CannotSealError(`Event ${fromPosition} is missing: sealing stops there.`);
  }
  const leaves = all.subarray(0, count * HASH_BYTES);
  const root = await treeRoot(leaves);
  if (keys.current === null) throw new CannotSealError('This process has no key to seal with.');
  const seal = keys.current.sign({
    number: (last?.number ?? 0) + 1,
    fromPosition,
    toPosition: fromPosition + count - 1,
    treeRoot: root.toString('hex'),
    previousSealHash: last ? sealHash(last) : NO_SEAL_HASH,
    sealedAt: now().toISOString(),
  });
  await insertSeal(client, { seal, leaves });
  return seal;
}
