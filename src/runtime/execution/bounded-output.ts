import { Writable } from 'node:stream';

/** Keeps the first bytes of a stream, and takes the rest without keeping it. */
export class BoundedOutput extends Writable {
  private readonly chunks: Buffer[] = [];
  private kept = 0;
  truncated = false;

  constructor(private readonly limit: number) {
    super();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const part = chunk.subarray(0, this.limit - this.kept);
    // A copy: a part of a chunk would keep the whole of it.
    if (part.length > 0) this.chunks.push(Buffer.from(part));
    this.kept += part.length;
    this.truncated ||= part.length < chunk.length;
    done();
  }

  text(): string {
    return Buffer.concat(this.chunks).toString('utf8');
  }
}
