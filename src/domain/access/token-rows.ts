import type { Queryable } from '../../event-sourcing/event-log/index.js';

/** A row of `access_tokens`. */
export interface TokenRow {
  readonly id: string;
  readonly hash: Buffer;
  readonly name: string;
  /** Null: every company. */
  readonly companies: readonly string[] | null;
  readonly permissions: readonly string[];
  /** ISO 8601, as all of them. */
  readonly createdAt: string;
  readonly expiresAt: string | null;
  /** To the minute. */
  readonly lastUsedAt: string | null;
  readonly revokedAt: string | null;
}

const COLUMNS = `id, hash, name, companies::text[] AS companies, permissions, created_at AS "createdAt",
  expires_at AS "expiresAt", last_used_at AS "lastUsedAt", revoked_at AS "revokedAt"`;

export async function insertToken(on: Queryable, row: TokenRow): Promise<void> {
  await on.query(
    `INSERT INTO access_tokens (id, hash, name, companies, permissions, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [row.id, row.hash, row.name, row.companies, row.permissions, row.createdAt, row.expiresAt],
  );
}

export async function findToken(on: Queryable, id: string): Promise<TokenRow | null> {
  const { rows } = await on.query<TokenRow>(`SELECT ${COLUMNS} FROM access_tokens WHERE id = $1`, [id]);
  return rows[0] ?? null;
}

/** Oldest first, those that are revoked or expired too. */
export async function allTokens(on: Queryable): Promise<TokenRow[]> {
  const { rows } = await on.query<TokenRow>(`SELECT ${COLUMNS} FROM access_tokens ORDER BY created_at, id`);
  return rows;
}

/** @returns false where it was revoked already */
export async function revokeRow(on: Queryable, id: string, revokedAt: Date): Promise<boolean> {
  const { rows } = await on.query<{ id: string }>(
    'UPDATE access_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING id',
    [id, revokedAt],
  );
  return rows.length > 0;
}

export async function touchToken(on: Queryable, id: string, usedAt: Date): Promise<void> {
  await on.query('UPDATE access_tokens SET last_used_at = greatest(last_used_at, $2) WHERE id = $1', [id, usedAt]);
}

export async function anyTokenMade(on: Queryable): Promise<boolean> {
  const { rows } = await on.query<{ any: boolean }>('SELECT EXISTS (SELECT FROM access_tokens) AS any');
  return rows[0]?.any === true;
}

export async function anyTokenLive(on: Queryable): Promise<boolean> {
  const { rows } = await on.query<{ any: boolean }>(
    `SELECT EXISTS (
       SELECT FROM access_tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
     ) AS any`,
  );
  return rows[0]?.any === true;
}
