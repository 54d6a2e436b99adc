const JITTER = 0.2;

/**
 * How long, in milliseconds, an event waits after an attempt at it has failed. The last of the delays is that of every
 * further attempt.
 * @param attempt the one that failed, from 1
 * @param random from 0 to 1: what failed together is not tried together
 */
export function retryDelay(delays: readonly number[], attempt: number, random: number): number {
  const delay = delays[Math.min(attempt, delays.length) - 1] ?? 0;
  return Math.round(delay * (1 + JITTER * (2 * random - 1)));
}
