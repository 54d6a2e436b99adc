import { Injectable } from '@nestjs/common';
import { EventLog } from '../../event-sourcing/event-log/index.js';
import { Outdated, type Alongside } from '../../event-sourcing/commands/record-alongside.js';
import type { Liveness } from './decide-renewal.js';
import { leaseStream } from './events.js';

const COLUMNS = 'renewed_until AS "renewedUntil", last_used_at AS "lastUsedAt", renewed_by AS "renewedBy"';

/** As a row that says nothing: the first renewal has been before any. */
const NOTHING: Liveness = { renewedUntil: null, lastUsedAt: '1970-01-01T00:00:00.000Z', renewedBy: '' };

/**
 * Renewals that are no event: a row for each lease (decision 0036). Whoever renews by the row and whoever ends the lease both
 * lock it first, also where it is not there yet, so that it is decided once which of them came first.
 */
@Injectable()
export class LeaseLiveness {
  constructor(private readonly log: EventLog) {}

  async of(leaseId: string): Promise<Liveness | null> {
    const { rows } = await this.log.pool.query<Liveness>(`SELECT ${COLUMNS} FROM lease_liveness WHERE lease_id = $1`, [
      leaseId,
    ]);
    return rows[0] ?? null;
  }

  /** Notes a renewal of a lease that is still at this version in the log. */
  renewal(leaseId: string, version: number, { renewedUntil, lastUsedAt, renewedBy }: Liveness): Alongside {
    return async (client) => {
      await client.query(
        `INSERT INTO lease_liveness (lease_id, renewed_until, last_used_at, renewed_by) VALUES ($1, $2, $3, $4)
         ON CONFLICT (lease_id) DO UPDATE
           SET renewed_until = greatest(lease_liveness.renewed_until, excluded.renewed_until),
               last_used_at = greatest(lease_liveness.last_used_at, excluded.last_used_at),
               renewed_by = excluded.renewed_by`,
        [leaseId, renewedUntil, lastUsedAt, renewedBy],
      );
      // Only after the lock, by a statement of its own: it sees what was committed while that one waited.
      const { rows } = await client.query<{ version: number }>('SELECT version FROM streams WHERE stream = $1', [
        leaseStream(leaseId),
      ]);
      if (rows[0]?.version !== version) throw new Outdated();
    };
  }

  /** Removes the row of a lease that ends because the row said this; null: there was none. */
  removal(leaseId: string, said: Liveness | null): Alongside {
    const { renewedUntil, lastUsedAt, renewedBy } = said ?? NOTHING;
    return async (client) => {
      const { rows } = await client.query<Liveness>(
        `INSERT INTO lease_liveness (lease_id, renewed_until, last_used_at, renewed_by) VALUES ($1, $2, $3, $4)
         ON CONFLICT (lease_id) DO UPDATE SET lease_id = excluded.lease_id RETURNING ${COLUMNS}`,
        [leaseId, renewedUntil, lastUsedAt, renewedBy],
      );
      const [now] = rows;
      if (now?.renewedUntil !== renewedUntil || now.lastUsedAt !== lastUsedAt) throw new Outdated();
      await client.query('DELETE FROM lease_liveness WHERE lease_id = $1', [leaseId]);
    };
  }

  /** Removes the rows of leases that ended in another way. What is late here stays until the next time. */
  async removeEnded(): Promise<void> {
    await this.log.pool.query(
      `DELETE FROM lease_liveness WHERE lease_id IN (
         SELECT l.lease_id FROM lease_liveness l JOIN leases r ON r.id = l.lease_id
          WHERE r.status NOT IN ('requested', 'queued', 'provisioning', 'active') FOR UPDATE OF l SKIP LOCKED)`,
    );
  }
}
