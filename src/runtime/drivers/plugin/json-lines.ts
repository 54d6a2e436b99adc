import type { Readable } from 'node:stream';

const NEWLINE = 0x0a;
const NOTHING = Buffer.alloc(0);

/**
 * Gives each line of a stream to `onLine`. Of a line that is too long nothing is kept: `onTooLong` is told of it, and what
 * follows the next line break is read as usual. A line that comes byte by byte is copied together: each piece kept would cost a hundred.
 */
export function readLines(
  stream: Readable,
  maxBytes: number,
  onLine: (line: string) => void,
  onTooLong: () => void,
): void {
  let room: Buffer = NOTHING;
  let used = 0;
  let skipping = false;
  const take = (part: Buffer): void => {
    if (skipping) return;
    if (used + part.length > maxBytes) {
      [room, used, skipping] = [NOTHING, 0, true];
      onTooLong();
      return;
    }
    if (used + part.length > room.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * room.length, used + part.length));
      room.copy(larger, 0, 0, used);
      room = larger;
    }
    used += part.copy(room, used);
  };
  stream.on('data', (chunk: Buffer) => {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      take(chunk.subarray(from, end));
      const line = room.toString('utf8', 0, used).trim();
      [room, used, skipping, from] = [NOTHING, 0, false, end + 1];
      if (line !== '') onLine(line);
    }
    take(chunk.subarray(from));
  });
}
