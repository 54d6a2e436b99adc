import type { Readable } from 'node:stream';

const QUIET_MS = 500;
const LINGER_MS = 2_000;
/** More than can be on its way when a command exits: what pipes hold, and what ssh2 lets a host send ahead and keeps. */
const LINGER_BYTES = 16 * 1024 * 1024;
const LOOK_MS = 100;

/**
 * Children that a command has left behind keep its output open, and may go on printing. From its exit on they are waited for until
 * nothing has come for QUIET_MS, and no longer than LINGER_MS; then `close` is called. Time in which whoever takes the output is
 * behind does not count, but bytes do. @returns what ends the waiting
 */
export function lingerAfterExit(streams: readonly Readable[], close: () => void): () => void {
  let [lingered, quiet, bytes] = [0, 0, 0];
  const note = ({ length }: Buffer): void => {
    quiet = 0;
    bytes += length;
    if (bytes > LINGER_BYTES) close();
  };
  for (const stream of streams) stream.on('data', note);
  const look = setInterval(() => {
    if (streams.some((stream) => stream.isPaused())) return;
    quiet += LOOK_MS;
    lingered += LOOK_MS;
    if (quiet > QUIET_MS || lingered > LINGER_MS) close();
  }, LOOK_MS);
  return () => clearInterval(look);
}
