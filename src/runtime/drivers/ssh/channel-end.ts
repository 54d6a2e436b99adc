import { finished, type Readable, type Writable } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { lingerAfterExit } from '../linger.js';
import { signalNamed } from '../signal-name.js';

export interface RemoteExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** How a channel's process ended, once its output has been read; a code of null without a signal: the connection broke off. */
export function ended(channel: ClientChannel, signal: AbortSignal): Promise<RemoteExit> {
  return new Promise((resolve, reject) => {
    let exit: RemoteExit = { code: null, signal: null };
    let stopLingering = (): void => undefined;
    const onAbort = (): void => {
      stopLingering();
      channel.destroy();
      reject(signal.reason as Error);
    };
    channel.on('exit', (code: number | null, name?: string) => {
      exit = { code, signal: name === undefined ? null : signalNamed(name) };
      stopLingering();
      stopLingering = lingerAfterExit([channel, channel.stderr], () => channel.destroy());
    });
    channel.on('close', () => {
      stopLingering();
      signal.removeEventListener('abort', onAbort);
      resolve(exit);
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Hands the rest of a stream on, as fast as it is taken. Resolves when it has ended, or its channel is closed. */
export function flow(source: Readable, first: Buffer, target: Writable): Promise<void> {
  if (first.length > 0) target.write(first);
  return new Promise((resolve) => {
    const resume = (): void => void source.resume();
    target.on('drain', resume).on('close', resume);
    source.on('data', (chunk: Buffer) => {
      if (!target.destroyed && !target.write(chunk)) source.pause();
    });
    // It may have ended before: a whole command can come in one packet.
    finished(source, { writable: false }, () => resolve());
    source.resume();
  });
}
