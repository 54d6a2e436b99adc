import type { EventLog } from '../event-log/index.js';
import type { SubscriptionStatus } from './subscription.js';

/** @param here what only this process knows of a subscription. */
export async function readStatus(
  log: EventLog,
  here: (name: string) => Pick<SubscriptionStatus, 'ownedHere' | 'failure'>,
): Promise<SubscriptionStatus[]> {
  const { rows } = await log.pool.query<Omit<SubscriptionStatus, 'lag' | 'ownedHere' | 'failure'>>(
    `SELECT s.name, s.checkpoint, coalesce((SELECT max(position) FROM events), 0) AS head, s.fence,
            CASE WHEN s.expires_at > clock_timestamp() THEN s.owner END AS owner,
            (SELECT count(*) FROM parked_streams p WHERE p.subscription = s.name) AS parked
       FROM subscriptions s WHERE NOT s.closed ORDER BY s.name`,
  );
  return rows.map((row) => ({ ...row, lag: Math.max(0, row.head - row.checkpoint), ...here(row.name) }));
}
