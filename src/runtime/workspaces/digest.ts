import { createHash } from 'node:crypto';

/** Lets a content through and tells, once it has been read, how long it was and its SHA-256 in hex. */
export class Digest {
  private readonly hash = createHash('sha256');
  size = 0;

  async *of(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      this.hash.update(chunk);
      this.size += chunk.length;
      yield chunk;
    }
  }

  hex(): string {
    return this.hash.digest('hex');
  }
}
