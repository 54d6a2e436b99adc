import { request, type RequestOptions } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

/** Sends a request whole, and leaves so many milliseconds later, whether it has been answered or not. */
export async function leave(
  url: string,
  options: RequestOptions,
  body: string | Uint8Array,
  afterMs: number,
): Promise<void> {
  const asked = request(url, { ...options, agent: false });
  asked.on('error', () => undefined).on('response', (response) => response.resume().on('error', () => undefined));
  const closed = new Promise((resolve) => asked.on('close', resolve));
  await new Promise<void>((sent) => asked.end(body, sent));
  await pause(afterMs);
  asked.destroy();
  await closed;
}
