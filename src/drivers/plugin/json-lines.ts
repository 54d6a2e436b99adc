import type { Readable } from 'node:stream';

const NEWLINE = 0x0a;

/**
 * Gives each line of a stream to `onLine`. Of a line that is too long nothing is kept: `onTooLong` is told of it, and what
 * follows the next line break is read as usual.
 */
export function readLines(
  stream: Readable,
  maxBytes: number,
  onLine: (line: string) => void,
  onTooLong: () => void,
): void {
  let parts: Buffer[] = [];
  let length = 0;
  let skipping = false;
  const take = (part: Buffer): void => {
    length += part.length;
    if (length <= maxBytes) parts.push(part);
    else if (!skipping) {
      skipping = true;
      parts = [];
      onTooLong();
    }
  };
  stream.on('data', (chunk: Buffer) => {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      take(chunk.subarray(from, end));
      const line = skipping ? '' : Buffer.concat(parts).toString('utf8').trim();
      [parts, length, skipping, from] = [[], 0, false, end + 1];
      if (line !== '') onLine(line);
    }
    take(chunk.subarray(from));
  });
}
