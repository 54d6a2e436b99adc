import type { Session } from './ownership.js';

/**
 * What processes tell each other by NOTIFY. Hints only: all that they speed up happens without them too, later.
 * `look`: somebody waits for this subscription, or wants a stream retried. `free`: it has no owner now. `anew`: its
 * checkpoint has gone back.
 */
export interface Hint {
  readonly kind: 'look' | 'free' | 'anew';
  readonly name: string;
}

export const HINT_CHANNEL = 'leasehold_subscriptions';

export async function sendHints(session: Session, kind: Hint['kind'], names: readonly string[]): Promise<void> {
  await session.query(`SELECT pg_notify($1, $2 || n) FROM unnest($3::text[]) AS n`, [HINT_CHANNEL, `${kind}:`, names]);
}

export function readHint(payload: string): Hint | null {
  const [, kind, name] = /^(look|free|anew):(.+)$/s.exec(payload) ?? [];
  return name !== undefined && (kind === 'look' || kind === 'free' || kind === 'anew') ? { kind, name } : null;
}
