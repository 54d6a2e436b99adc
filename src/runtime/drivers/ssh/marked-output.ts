import { finished, type Readable } from 'node:stream';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';

/** The most that a host may say in an answer of its own. */
export const MAX_ANSWER = 64 * 1024;
/** Kept of what comes before the mark, which tells why there is none. */
const KEPT_BYTES = 1_024;
const NEWLINE = 0x0a;

/** The line after the mark, and what came behind it in the same chunk; without a mark, the end of what was said instead. */
export type Marked =
  | { readonly found: true; readonly line: string; readonly rest: Buffer }
  | { readonly found: false; readonly said: string };

/**
 * Reads a stream up to the first line that a mark begins and that is an answer: start files may print as much as they like before it,
 * and a shell that prints what it is told to run prints the mark with it. Each byte is looked at once, and no more than MAX_ANSWER is kept.
 * @throws DriverError driver_failed where the line is longer
 */
export function afterMark(stream: Readable, mark: string, isAnswer: (line: string) => boolean): Promise<Marked> {
  const search = new Search(mark, isAnswer);
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      stream.off('data', onData).off('end', onEnd).off('close', onEnd);
      stream.pause();
    };
    const onEnd = (): void => {
      stop();
      resolve({ found: false, said: search.said });
    };
    const onData = (chunk: Buffer): void => {
      try {
        const found = search.take(chunk);
        if (found === null) return;
        resolve(found);
      } catch (error) {
        reject(error instanceof DriverError ? error : tooLong());
      }
      stop();
    };
    stream.on('data', onData).on('end', onEnd).on('close', onEnd);
  });
}

class Search {
  private before: Buffer = Buffer.alloc(0);
  private line: LineReader | null = null;

  constructor(
    private readonly mark: string,
    private readonly isAnswer: (line: string) => boolean,
  ) {}

  get said(): string {
    return this.before.toString('utf8');
  }

  /** @throws DriverError driver_failed */
  take(chunk: Buffer): Marked | null {
    let left = chunk;
    for (;;) {
      const behind = this.line ? left : this.behindMark(left);
      if (behind === null) return null;
      this.line ??= new LineReader();
      const rest = this.line.take(behind);
      if (rest === null) return null;
      const line = this.line.text();
      this.line = null;
      if (this.isAnswer(line)) return { found: true, line, rest };
      left = rest;
    }
  }

  private behindMark(chunk: Buffer): Buffer | null {
    const seen = this.before.length === 0 ? chunk : Buffer.concat([this.before, chunk]);
    const at = seen.indexOf(this.mark);
    this.before = at === -1 ? Buffer.from(seen.subarray(-KEPT_BYTES)) : Buffer.alloc(0);
    return at === -1 ? null : seen.subarray(at + this.mark.length);
  }
}

/** One line, of which the pieces come one after the other. */
class LineReader {
  private readonly pieces: Buffer[] = [];
  private length = 0;

  /** What is behind the line; null while it goes on. @throws DriverError driver_failed */
  take(chunk: Buffer): Buffer | null {
    const end = chunk.indexOf(NEWLINE);
    const piece = end === -1 ? chunk : chunk.subarray(0, end);
    this.length += piece.length;
    if (this.length > MAX_ANSWER) throw tooLong();
    this.pieces.push(Buffer.from(piece));
    return end === -1 ? null : chunk.subarray(end + 1);
  }

  text(): string {
    return Buffer.concat(this.pieces).toString('utf8');
  }
}

/** All that is left of a stream. @throws DriverError driver_failed where that is longer than an answer may be */
export function answerOf(stream: Readable, first: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const take = (chunk: Buffer): void => {
      length += chunk.length;
      if (length <= MAX_ANSWER) chunks.push(Buffer.from(chunk));
      else reject(tooLong());
    };
    take(first);
    stream.on('data', take);
    // It may have ended before: a whole answer can come in one packet.
    finished(stream, { writable: false }, () => resolve(Buffer.concat(chunks).toString('utf8')));
    stream.resume();
  });
}

/** Reads a stream and keeps the end of it. */
export function endOfSaid(stream: Readable): () => string {
  let kept: Buffer = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk.subarray(-KEPT_BYTES)]).subarray(-KEPT_BYTES);
  });
  return () => kept.toString('utf8');
}

function tooLong(): DriverError {
  const message = `The host's answer is longer than ${MAX_ANSWER} bytes.`;
  return new DriverError('permanent', 'driver_failed', message, true);
}
