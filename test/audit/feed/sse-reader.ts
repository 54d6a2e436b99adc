import type { RecordedEvent } from '../../../src/event-sourcing/event-log/index.js';

/** A reader of a company's stream that comes back after every loss, from the last event that it has. */
export class SseReader {
  readonly events: RecordedEvent[] = [];
  lastEventId: string | null;
  connections = 0;
  private gone = false;
  private isConnected = false;
  private current = new AbortController();

  /** @param url asked for every connection, as a service that was killed comes back somewhere else */
  constructor(
    private readonly url: () => string,
    after: number | null,
    private readonly headers: Readonly<Record<string, string>> = {},
  ) {
    this.lastEventId = after === null ? null : String(after);
  }

  /** Resolves once it is closed. */
  async run(): Promise<void> {
    while (!this.gone) {
      await this.connect().catch(() => undefined);
      if (!this.gone) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Loses its connection, where it has got one, and comes back. */
  drop(): void {
    if (this.isConnected) this.current.abort();
  }

  close(): void {
    this.gone = true;
    this.current.abort();
  }

  async until(reached: (events: readonly RecordedEvent[]) => boolean): Promise<void> {
    while (!reached(this.events)) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  private async connect(): Promise<void> {
    this.current = new AbortController();
    const headers = { ...this.headers, ...(this.lastEventId !== null && { 'Last-Event-ID': this.lastEventId }) };
    const response = await fetch(this.url(), { headers, signal: this.current.signal });
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
    this.connections += 1;
    this.isConnected = true;
    let rest = '';
    try {
      for await (const text of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
        const frames = (rest + text).split('\n\n');
        rest = frames.pop() ?? '';
        for (const frame of frames) this.take(frame);
      }
    } finally {
      this.isConnected = false;
    }
  }

  private take(frame: string): void {
    const fields = new Map(
      frame.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
    );
    const id = fields.get('id');
    if (id !== undefined) this.lastEventId = id;
    const data = fields.get('data');
    if (data !== undefined) this.events.push(JSON.parse(data) as RecordedEvent);
  }
}
