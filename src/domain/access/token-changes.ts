import { LeaseholdError } from '../../errors/catalogue.js';
import type { EventLog, LogTransaction, NewEvent } from '../../event-sourcing/event-log/index.js';
import { newId } from '../../event-sourcing/ids/new-id.js';
import { SYSTEM_COMPANY, TOKEN_CATEGORY, tokenStream } from './events.js';
import { findToken, insertToken, revokeRow, type TokenRow } from './token-rows.js';
import { hashOf, newTokenSecret, tokenValue } from './token-value.js';

export interface WantedToken {
  readonly name: string;
  /** Null: every company. */
  readonly companies: readonly string[] | null;
  readonly permissions: readonly string[];
  readonly expiresAt: string | null;
}

/** On whose behalf. */
export interface TokenContext {
  readonly actor: string;
  readonly correlationId: string;
}

/** A token that was made. `value` is nowhere else, and never again. */
export interface MadeToken {
  readonly row: TokenRow;
  readonly value: string;
  readonly position: number;
}

/** Makes a token: its row and its event, or neither. */
export async function createToken(log: EventLog, wanted: WantedToken, context: TokenContext): Promise<MadeToken> {
  const id = newId();
  const secret = newTokenSecret();
  const { name, expiresAt } = wanted;
  const companies = wanted.companies && [...new Set(wanted.companies)];
  const permissions = [...new Set(wanted.permissions)];
  const createdAt = new Date().toISOString();
  const row = { id, hash: hashOf(secret), name, companies, permissions, createdAt, expiresAt };
  const made: TokenRow = { ...row, lastUsedAt: null, revokedAt: null };
  const data = { name, companies, permissions, expiresAt };
  const position = await log.transaction(async (transaction) => {
    await insertToken(transaction.client, made);
    return record(log, transaction, id, 0, { type: 'TokenCreated', data }, context);
  });
  return { row: made, value: tokenValue({ id, secret }), position };
}

/** A token that was revoked already stays as it is. @throws LeaseholdError token_not_found */
export async function revokeToken(log: EventLog, id: string, context: TokenContext): Promise<TokenRow> {
  return log.transaction(async (transaction) => {
    const revoked = await revokeRow(transaction.client, id, new Date());
    const row = await findToken(transaction.client, id);
    if (row === null) throw new LeaseholdError('token_not_found', 'There is no token with this id.');
    if (revoked) await record(log, transaction, id, 1, { type: 'TokenRevoked', data: {} }, context);
    return row;
  });
}

async function record(
  log: EventLog,
  transaction: LogTransaction,
  id: string,
  expectedVersion: number,
  { type, data }: Pick<NewEvent, 'type' | 'data'>,
  { actor, correlationId }: TokenContext,
): Promise<number> {
  const verdict = await transaction.append({
    companyId: SYSTEM_COMPANY,
    actor,
    correlationId,
    causationId: null,
    writes: [
      {
        stream: tokenStream(id),
        expectedVersion,
        category: TOKEN_CATEGORY,
        correlationKey: null,
        parent: null,
        open: type !== 'TokenRevoked',
        events: [{ id: newId(), type, schemaVersion: log.catalogue.schemaVersionOf(type), data }],
      },
    ],
    guards: [],
    idempotency: null,
  });
  // The row is locked or new, so that nobody else can have written to the stream.
  if (verdict.kind !== 'ok') throw new Error(`The stream of the token ${id} does not fit its row.`);
  return verdict.position;
}
