import type { TokenRow } from './token-rows.js';

/** What may be known of a token: neither its value nor its hash. Times are ISO 8601. */
export interface TokenJson {
  readonly id: string;
  readonly name: string;
  readonly companies: readonly string[] | null;
  readonly permissions: readonly string[];
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
  readonly revokedAt: string | null;
}

export function tokenJson(row: TokenRow): TokenJson {
  const { id, name, companies, permissions, createdAt, expiresAt, lastUsedAt, revokedAt } = row;
  return {
    id,
    name,
    companies,
    permissions,
    createdAt,
    expiresAt,
    lastUsedAt,
    revokedAt,
  };
}
