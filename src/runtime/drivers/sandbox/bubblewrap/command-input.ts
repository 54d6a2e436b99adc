import { Writable } from 'node:stream';

/** What a stream may have on its way, unread, in bytes. */
export const WINDOW = 256 * 1024;
const MAX_FRAME = 32 * 1024;

/** Bytes for a command, as fast as it takes them. */
export class CommandInput extends Writable {
  private room = WINDOW;
  private waiting: (() => void) | null = null;

  constructor(private readonly send: (data: Buffer) => void) {
    super();
    this.on('error', () => undefined);
  }

  /** @throws Error when more is granted than was sent */
  grant(bytes: number): void {
    this.room += bytes;
    if (this.room > WINDOW) throw new Error('It grants more than the window allows.');
    const go = this.waiting;
    this.waiting = null;
    go?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const part = chunk.subarray(0, Math.min(this.room, MAX_FRAME));
    if (part.length > 0) {
      this.room -= part.length;
      this.send(part);
    }
    const rest = chunk.subarray(part.length);
    if (rest.length === 0) done();
    else if (this.room > 0) this._write(rest, _encoding, done);
    else this.waiting = () => this._write(rest, _encoding, done);
  }

  override _final(done: () => void): void {
    this.send(Buffer.alloc(0));
    done();
  }
}
