import { once, type EventEmitter } from 'node:events';

/** A `Writable` of Node or of a library. */
type Taker = EventEmitter & { readonly destroyed: boolean; write(chunk: Uint8Array): boolean };

/** Writes as fast as it is taken. @throws Error when the stream is closed before it has taken it */
export async function writeTo(stream: Taker, chunk: Uint8Array): Promise<void> {
  if (stream.destroyed) throw closed();
  if (stream.write(chunk)) return;
  const over = new AbortController();
  const { signal } = over;
  try {
    await Promise.race([
      once(stream, 'drain', { signal }),
      once(stream, 'close', { signal }).then(() => {
        throw closed();
      }),
    ]);
  } finally {
    over.abort();
  }
}

function closed(): Error {
  return new Error('Its destination was closed.');
}

/** Of several things that go on at once and end each other, the failure that came first: the others only follow from it. */
export class FirstFailure {
  private first: { readonly error: unknown } | null = null;

  note(error: unknown): void {
    this.first ??= { error };
  }

  /** @throws what was noted first */
  throwIfAny(): void {
    if (this.first) throw this.first.error;
  }
}
