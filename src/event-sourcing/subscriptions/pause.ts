import { setTimeout as wait } from 'node:timers/promises';

/** Resolves after a while, or as soon as the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined);
}

/** Resolves when the work has ended, well or not, or after a while. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const late = new AbortController();
  await Promise.race([work.catch(() => undefined), pause(ms, late.signal)]);
  late.abort();
}
