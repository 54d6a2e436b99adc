import { within } from './within.js';

interface Openable {
  waitUntilReady(): Promise<unknown>;
  close(force?: boolean): Promise<void>;
}

type OnError = (error: Error) => void;

/** How long a close may take: a server that is away does not answer a farewell. */
const CLOSE_MS = 1_000;

/**
 * One of BullMQ's objects, opened again where its start has failed: BullMQ remembers a failed start for good. Once it is ready it
 * finds its server again by itself.
 */
export class Reopened<T extends Openable> {
  private current: { readonly object: T; readonly ready: Promise<unknown> } | null = null;
  /** What was last heard of its connection. */
  lastError: Error | null = null;
  private isClosed = false;

  /** @param open with a listener of its errors, which may come at any time */
  constructor(
    private readonly open: (onError: OnError) => T,
    private readonly onError: OnError,
  ) {}

  /** The object, once it is ready. @throws what keeps it from that, or what was last heard of it when the time is over */
  async get(withinMs: number): Promise<T> {
    if (this.isClosed) throw new Error('It is closed.');
    this.current ??= this.begin();
    const { object, ready } = this.current;
    if (!(await within(withinMs, ready)))
      throw this.lastError ?? new Error(`It does not answer within ${withinMs} ms.`);
    return object;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    if (this.current !== null) await closed(this.current.object);
  }

  private begin(): { object: T; ready: Promise<unknown> } {
    const object = this.open((error) => {
      this.lastError = error;
      if (!this.isClosed) this.onError(error);
    });
    const ready = object.waitUntilReady();
    ready.catch(() => {
      if (this.current?.object === object) this.current = null;
      return closed(object);
    });
    return { object, ready };
  }
}

async function closed(object: Openable): Promise<void> {
  await within(CLOSE_MS, object.close(true)).catch(() => undefined);
}
