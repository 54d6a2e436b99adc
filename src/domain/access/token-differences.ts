import type { Queryable } from '../../event-sourcing/event-log/index.js';
import { SYSTEM_COMPANY } from './events.js';

/** A token whose row in the table is not what the log says of it. */
export interface TokenDifference {
  readonly kind: 'unknown_token' | 'missing_token' | 'changed_token';
  /** Of the event that made it; null where there is none. */
  readonly position: number | null;
  readonly detail: string;
}

interface Rights {
  readonly name: string;
  readonly companies: readonly string[] | null;
  readonly permissions: readonly string[];
  readonly expiresAt: string | null;
}

interface Pair {
  readonly id: string;
  readonly row: (Rights & { readonly revoked: boolean }) | null;
  readonly made: Rights | null;
  readonly revoked: boolean;
  readonly position: number | null;
}

/** One statement, and so one moment: a token's row and event come in one commit. */
const PAIRS = `
  SELECT coalesce(t.id::text, e.id) AS id, e.position, e.data AS made, coalesce(e.revoked, false) AS revoked,
    CASE WHEN t.id IS NOT NULL THEN json_build_object('name', t.name, 'companies', t.companies, 'permissions',
      t.permissions, 'expiresAt', t.expires_at, 'revoked', t.revoked_at IS NOT NULL) END AS row
  FROM access_tokens t FULL JOIN (
    SELECT substr(stream, 7) AS id, min(position) FILTER (WHERE type = 'TokenCreated') AS position,
      (array_agg(data) FILTER (WHERE type = 'TokenCreated'))[1] AS data, bool_or(type = 'TokenRevoked') AS revoked
    FROM events WHERE company_id = $1 AND type IN ('TokenCreated', 'TokenRevoked') GROUP BY stream
  ) e ON e.id = t.id::text
  ORDER BY e.position, t.created_at`;

/**
 * Compares the tokens that authenticate with those that the log has, both ways. Their hashes are in no event: that a
 * token's secret was exchanged cannot be seen.
 */
export async function tokenDifferences(on: Queryable): Promise<TokenDifference[]> {
  const { rows } = await on.query<Pair>(PAIRS, [SYSTEM_COMPANY]);
  return rows.flatMap(differenceOf);
}

function differenceOf({ id, row, made, revoked, position }: Pair): TokenDifference[] {
  const token = `The token "${(row ?? made)?.name ?? ''}" (${id})`;
  const one = (kind: TokenDifference['kind'], what: string): TokenDifference[] => [
    { kind, position, detail: `${token} ${what}` },
  ];
  if (row === null) return one('missing_token', 'is in the log, but its row in access_tokens is missing.');
  if (made === null) return one('unknown_token', 'is in access_tokens, but no event created it: revoke it.');
  const differing = [
    ...(row.name === made.name ? [] : ['name']),
    ...(sameSet(row.companies, made.companies) ? [] : ['companies']),
    ...(sameSet(row.permissions, made.permissions) ? [] : ['permissions']),
    ...(sameTime(row.expiresAt, made.expiresAt) ? [] : ['expiresAt']),
    ...(row.revoked === revoked ? [] : [revoked ? 'revokedAt (the log says that it was revoked)' : 'revokedAt']),
  ];
  if (differing.length === 0) return [];
  return one('changed_token', `differs between access_tokens and the log: ${differing.join(', ')}.`);
}

function sameSet(one: readonly string[] | null, other: readonly string[] | null): boolean {
  if (one === null || other === null) return one === other;
  const [a, b] = [new Set(one), new Set(other)];
  return a.size === b.size && [...a].every((value) => b.has(value));
}

function sameTime(one: string | null, other: string | null): boolean {
  if (one === null || other === null) return one === other;
  return Date.parse(one) === Date.parse(other);
}
