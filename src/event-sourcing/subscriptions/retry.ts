import type { Pool } from 'pg';
import { LeaseholdError } from '../../errors/catalogue.js';
import { sendHints } from './hints.js';
import { parkedStream, requestRetry } from './parking.js';
import { pause } from './pause.js';
import type { RetryResult } from './subscription.js';

const POLL_MS = 20;

/**
 * Asks whoever owns the subscription to handle a parked stream, and waits for the outcome. Only the owner ever handles
 * events: a retry by another process would have to keep the owner away by a lock, and a handler that appends would then
 * wait for the log's lock with it, while the owner waits the other way round.
 */
export async function retry(
  pool: Pool,
  name: string,
  stream: string,
  timeoutMs: number,
  hurryHere: () => boolean,
): Promise<RetryResult> {
  const before = await requestRetry(pool, name, stream);
  if (!before) throw new LeaseholdError('stream_not_parked', `${name} has not parked the stream ${stream}.`);
  if (!hurryHere()) await sendHints(pool, 'look', [name]);
  const never = new AbortController().signal;
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    await pause(POLL_MS, never);
    const parked = await parkedStream(pool, name, stream);
    // A higher position: it was handled, and has been parked again since.
    if (!parked || parked.position > before.position) return { kind: 'recovered' };
    if (parked.attempts > before.attempts) return { kind: 'failed', parked };
  }
  return { kind: 'pending' };
}
