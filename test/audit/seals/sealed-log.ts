import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { uuidv7 } from 'uuidv7';
import { SealKey, SealKeys } from '../../../src/audit/seals/seal-keys.js';
import { sealNext } from '../../../src/audit/seals/sealing.js';
import { verifyLog, type VerifyLogOptions } from '../../../src/audit/seals/verify-log.js';
import type { Verification } from '../../../src/audit/seals/verification.js';
import { copyDatabase, createTestDatabase, type TestDatabase } from '../../support/database.js';
import { HAPPENED, openLog, type OpenLog } from '../../support/event-log.js';

/** Fewer than the service's: a chain of several, of few events. */
const EVENTS_OF_A_SEAL = 1_024;
const COMPANY = '0190a000-0000-7000-8000-000000000001';

export function newKeys(): SealKeys {
  return new SealKeys(new SealKey(randomBytes(32).toString('base64')));
}

/** A log of its own, with its seals. */
export class SealedLog {
  private constructor(
    readonly database: TestDatabase,
    readonly open: OpenLog,
    readonly keys: SealKeys,
  ) {}

  static async make(): Promise<SealedLog> {
    const database = await createTestDatabase();
    return new SealedLog(database, openLog(database.connection), newKeys());
  }

  /** Another with the same in it and the same keys, of one that is no longer open. */
  async copy(): Promise<SealedLog> {
    const database = await copyDatabase(this.database);
    return new SealedLog(database, openLog(database.connection), this.keys);
  }

  get pool(): Pool {
    return this.open.pool;
  }

  async close(): Promise<void> {
    await this.open.close();
    await this.database.drop();
  }

  /** @param count of events, in streams of ten */
  async append(count: number): Promise<void> {
    await Promise.all(
      Array.from({ length: Math.ceil(count / 10) }, (_, n) =>
        this.open.log.append({
          companyId: COMPANY,
          actor: 'operator:test',
          correlationId: null,
          causationId: null,
          idempotency: null,
          guards: [],
          writes: [
            {
              stream: `thing-${uuidv7()}`,
              expectedVersion: 0,
              category: 'thing',
              correlationKey: null,
              parent: null,
              open: true,
              events: Array.from({ length: Math.min(10, count - 10 * n) }, (__, place) => ({
                id: uuidv7(),
                type: HAPPENED,
                schemaVersion: 1,
                data: { place, text: 'what “happened” \\ \n' },
              })),
            },
          ],
        }),
      ),
    );
  }

  async sealAll(keys = this.keys): Promise<void> {
    while (await sealNext(this.pool, keys, () => new Date(), EVENTS_OF_A_SEAL));
  }

  verify(options: Partial<VerifyLogOptions> = {}): Promise<Verification> {
    return verifyLog(this.pool, { from: null, to: null, trusted: this.keys.trusted, kept: [], ...options });
  }

  async sql(text: string): Promise<void> {
    await this.pool.query(text);
  }
}
