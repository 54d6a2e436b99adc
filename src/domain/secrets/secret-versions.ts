import type { PoolClient } from 'pg';
import type { Queryable } from '../../event-sourcing/event-log/index.js';
import type { Place, SealedValue } from './master-key.js';

/** A row of `secret_versions`, the only place where values are. */
export type SecretVersion = Place & SealedValue;

const COLUMNS = `company_id AS "companyId", secret_id AS "secretId", version, key_id AS "keyId", nonce, ciphertext`;

/**
 * Adds a row, unless there is one: then somebody else has made this version of the secret, and the append that belongs
 * to this row is refused.
 */
export async function insertVersion(on: Queryable, row: SecretVersion): Promise<void> {
  await on.query(
    `INSERT INTO secret_versions (company_id, secret_id, version, key_id, nonce, ciphertext)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (secret_id, version) DO NOTHING`,
    [row.companyId, row.secretId, row.version, row.keyId, row.nonce, row.ciphertext],
  );
}

/** A company's secret in a version, or in its newest (version 0 is not one: see fingerprint-key.ts); null: no such row. */
export async function findVersion(
  on: Queryable,
  companyId: string,
  secretId: string,
  version: 'latest' | number,
): Promise<SecretVersion | null> {
  const { rows } = await on.query<SecretVersion>(
    `SELECT ${COLUMNS} FROM secret_versions
      WHERE company_id = $1 AND secret_id = $2 AND (version = $3 OR ($3::int IS NULL AND version > 0))
      ORDER BY version DESC LIMIT 1`,
    [companyId, secretId, version === 'latest' ? null : version],
  );
  return rows[0] ?? null;
}

export async function deleteVersions(on: Queryable, secretIds: readonly string[]): Promise<void> {
  await on.query('DELETE FROM secret_versions WHERE secret_id = ANY ($1::uuid[])', [secretIds]);
}

export async function deleteVersionsBut(on: Queryable, secretId: string, kept: readonly number[]): Promise<void> {
  await on.query('DELETE FROM secret_versions WHERE secret_id = $1 AND version <> ALL ($2::int[])', [secretId, kept]);
}

/** Whether any key has sealed anything. */
export async function hasSealed(on: Queryable): Promise<boolean> {
  const { rows } = await on.query('SELECT 1 FROM secret_versions LIMIT 1');
  return rows.length > 0;
}

/** How many rows each key has sealed. */
export async function countByKey(on: Queryable): Promise<{ readonly keyId: string; readonly rows: number }[]> {
  const { rows } = await on.query<{ keyId: string; rows: number }>(
    'SELECT key_id AS "keyId", count(*)::int AS rows FROM secret_versions GROUP BY key_id ORDER BY key_id',
  );
  return rows;
}

/** Rows that were sealed by one of these keys, locked; those that another process has locked are left to it. */
export async function lockVersionsUnder(
  client: PoolClient,
  keyIds: readonly string[],
  limit: number,
): Promise<SecretVersion[]> {
  const { rows } = await client.query<SecretVersion>(
    `SELECT ${COLUMNS} FROM secret_versions WHERE key_id = ANY ($1::text[])
      ORDER BY secret_id, version LIMIT $2 FOR UPDATE SKIP LOCKED`,
    [keyIds, limit],
  );
  return rows;
}

export async function replaceSealed(client: PoolClient, row: SecretVersion): Promise<void> {
  await client.query(
    'UPDATE secret_versions SET key_id = $3, nonce = $4, ciphertext = $5 WHERE secret_id = $1 AND version = $2',
    [row.secretId, row.version, row.keyId, row.nonce, row.ciphertext],
  );
}
