import type { Writable } from 'node:stream';
import { frame, number } from './supervisor-frames.js';

/** Tells a supervisor how much more its commands may print. While it does not read, that is added up, not kept piece by piece. */
export class Grants {
  /** Of each command: bytes of its two streams. */
  private readonly owed = new Map<number, [number, number]>();

  constructor(private readonly stdin: Writable) {
    stdin.on('drain', () => this.tell());
  }

  add(id: number, stream: 0 | 1, bytes: number): void {
    const owed = this.owed.get(id) ?? [0, 0];
    owed[stream] += bytes;
    this.owed.set(id, owed);
    if (!this.stdin.writableNeedDrain) this.tell();
  }

  forget(id: number): void {
    this.owed.delete(id);
  }

  private tell(): void {
    if (!this.stdin.writable) return;
    for (const [id, owed] of this.owed) {
      owed.forEach((bytes, stream) => {
        if (bytes > 0) this.stdin.write(frame('A', id, Buffer.concat([Buffer.from([stream]), number(bytes)])));
      });
    }
    this.owed.clear();
  }
}
