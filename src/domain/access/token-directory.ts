import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock, EventLog } from '../../event-sourcing/event-log/index.js';
import { anyTokenMade, findToken, touchToken, type TokenRow } from './token-rows.js';
import { matches, parseTokenValue } from './token-value.js';

/** What another process has revoked is refused here after this at the latest. */
const KEPT_MS = 3_000;
const NONE_MADE_KEPT_MS = 1_000;
const MAX_KEPT = 10_000;
const EPOCH = '1970-01-01T00:00:00Z';
const LAST_USE_STEP_MS = 60_000;

/** Tokens as the guard needs them: known for a few seconds without asking the database. */
@Injectable()
export class TokenDirectory {
  private readonly kept = new LRUCache<string, TokenRow>({ max: MAX_KEPT, ttl: KEPT_MS });
  /** Grows with every change made here, so that a row that was read before is not kept after it. */
  private changes = 0;
  private someMade = false;
  private noneMadeUntil = 0;
  private toldOfChange = (): void => undefined;

  constructor(
    private readonly log: EventLog,
    private readonly clock: Clock,
  ) {}

  /** The live token with this value; null: there is none. */
  async find(value: string): Promise<TokenRow | null> {
    const parts = parseTokenValue(value);
    if (parts === null) return null;
    const row = this.kept.get(parts.id) ?? (await this.load(parts.id));
    if (row === null || !matches(parts.secret, row.hash)) return null;
    const now = this.clock.date().getTime();
    if (row.revokedAt !== null || (row.expiresAt !== null && Date.parse(row.expiresAt) <= now)) return null;
    if (now - Date.parse(row.lastUsedAt ?? EPOCH) >= LAST_USE_STEP_MS) await this.touch(row, new Date(now));
    return row;
  }

  /** Whether a token was ever made. Revoking or outliving the last one does not open the service again. */
  async anyMade(): Promise<boolean> {
    if (this.someMade) return true;
    if (performance.now() < this.noneMadeUntil) return false;
    const before = this.changes;
    const any = await anyTokenMade(this.log.pool);
    if (any) this.someMade = true;
    else if (before === this.changes) this.noneMadeUntil = performance.now() + NONE_MADE_KEPT_MS;
    return any;
  }

  /** After a change that was made in this process: it counts at once. */
  changed(id: string): void {
    this.changes += 1;
    this.noneMadeUntil = 0;
    this.kept.delete(id);
    this.toldOfChange();
  }

  onChange(listener: () => void): void {
    this.toldOfChange = listener;
  }

  private async load(id: string): Promise<TokenRow | null> {
    const before = this.changes;
    const row = await findToken(this.log.pool, id);
    if (row && before === this.changes) this.kept.set(id, row);
    return row;
  }

  private async touch(row: TokenRow, usedAt: Date): Promise<void> {
    // The age of what is kept stays, and with it the moment at which a revocation elsewhere is seen.
    if (this.kept.has(row.id))
      this.kept.set(row.id, { ...row, lastUsedAt: usedAt.toISOString() }, { noUpdateTTL: true });
    // When it was used last is for people: no request fails for it.
    await touchToken(this.log.pool, row.id, usedAt).catch(() => undefined);
  }
}
