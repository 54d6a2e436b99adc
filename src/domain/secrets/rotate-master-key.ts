import type { Pool, PoolClient } from 'pg';
import type { KeyRing } from './key-ring.js';
import type { SecretVersion } from './secret-versions.js';
import { lockVersionsUnder, replaceSealed } from './secret-versions.js';

const BATCH = 100;

/**
 * Seals what older keys have sealed by the current one. Each batch is a transaction and each row says which key it is
 * under: after a crash the next call goes on where this one was, and several processes share the work.
 * @param signal aborted: it ends after the batch under way
 * @returns how many rows it has resealed
 */
export async function rotateMasterKey(pool: Pool, keys: KeyRing, signal?: AbortSignal): Promise<number> {
  let done = 0;
  for (let batch = BATCH; batch === BATCH && signal?.aborted !== true; done += batch) {
    batch = await inTransaction(pool, (client) => sealBatch(client, keys));
  }
  return done;
}

async function sealBatch(client: PoolClient, keys: KeyRing): Promise<number> {
  const rows = await lockVersionsUnder(client, keys.olderIds, BATCH);
  for (const row of rows) await replaceSealed(client, await sealedAnew(row, keys));
  return rows.length;
}

async function sealedAnew(row: SecretVersion, keys: KeyRing): Promise<SecretVersion> {
  const older = await keys.named(row.keyId);
  if (older === null) throw new Error(`The master key ${row.keyId} has gone.`);
  const value = older.open(row, row);
  try {
    return { ...row, ...keys.current.seal(value, row) };
  } finally {
    value.fill(0);
  }
}

async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
