import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Writable } from 'node:stream';
import type { RecordedEvent } from '../../event-sourcing/event-log/index.js';
import { PageFrames, type SharedFrames } from './event-frames.js';
import type { FeedSelection } from './feed-selection.js';
import type { FeedPage } from './feed.js';
import type { Follower, LiveEvents } from './live-events.js';

export interface FeedStreamOptions {
  readonly heartbeatMs: number;
  /** Bytes that wait for the reader at most. */
  readonly bufferBytes: number;
  /** How long a reader that catches up may take for what was written to it. */
  readonly stalledMs: number;
}

export const FEED_STREAM: FeedStreamOptions = { heartbeatMs: 15_000, bufferBytes: 1_048_576, stalledMs: 30_000 };

const PAGE = 500;
const BEHIND_MS = 5;

export interface FeedReader {
  readonly response: Writable;
  /** Aborts when the reader has gone, which it may have before its stream begins. */
  readonly gone: AbortSignal;
  readonly selection: FeedSelection;
  readonly seesConfig: boolean;
}

/**
 * One reader's stream: first what the log has already, page by page at the reader's pace, then what is new as it comes. A
 * reader that does not keep up is cut off, and goes on later from the last event that it has.
 */
export class FeedStream implements Follower {
  private readonly ended = new AbortController();

  constructor(
    private readonly reader: FeedReader,
    private readonly read: (after: number, limit: number) => Promise<FeedPage>,
    private readonly live: LiveEvents,
    private readonly shared: SharedFrames,
    private position: number,
    private readonly options: FeedStreamOptions = FEED_STREAM,
  ) {}

  get companyId(): string {
    return this.reader.selection.companyId;
  }

  /** Resolves when the reader has gone or was cut off. */
  async send(): Promise<void> {
    const { response, gone } = this.reader;
    const { signal } = this.ended;
    if (gone.aborted) return;
    gone.addEventListener('abort', () => this.ended.abort(), { once: true });
    response.on('error', () => this.ended.abort());
    const heartbeat = setInterval(() => this.beat(), this.options.heartbeatMs);
    // How long to wait before coming back.
    response.write('retry: 1000\n\n');
    try {
      await this.catchUp();
      if (!signal.aborted) await once(signal, 'abort');
    } finally {
      clearInterval(heartbeat);
      this.live.leave(this);
      response.end();
    }
  }

  follow(events: readonly RecordedEvent[], position: number): void {
    this.position = position;
    const { seesConfig, selection } = this.reader;
    this.write(this.shared.of(events, seesConfig), (event) => selection.wants(event));
    // What waits is in memory, and there are many readers.
    if (this.reader.response.writableLength > this.options.bufferBytes) this.cutOff();
  }

  lost(): void {
    this.ended.abort();
  }

  private async catchUp(): Promise<void> {
    while (!this.ended.signal.aborted) {
      const { events, position, isHead } = await this.read(this.position, PAGE);
      this.position = position;
      this.write(new PageFrames(events, this.reader.seesConfig));
      await this.untilTaken();
      if (!isHead) continue;
      if (this.live.join(this, this.position)) return;
      // Those who follow are a moment behind.
      if (this.position > this.live.at) await pause(BEHIND_MS);
    }
  }

  private write(frames: PageFrames, wants: (event: RecordedEvent) => boolean = () => true): void {
    if (this.ended.signal.aborted) return;
    let text = '';
    frames.page.forEach((event, place) => {
      if (wants(event)) text += frames.at(place);
    });
    // As bytes at once: strings that wait for the socket are copied whenever the collector comes.
    if (text !== '') this.reader.response.write(Buffer.from(text));
  }

  private async untilTaken(): Promise<void> {
    const { response } = this.reader;
    if (!response.writableNeedDrain || this.ended.signal.aborted) return;
    const signal = AbortSignal.any([this.ended.signal, AbortSignal.timeout(this.options.stalledMs)]);
    await once(response, 'drain', { signal }).catch(() => this.cutOff());
  }

  /** An id without data is remembered by the reader, so that one whose filter lets little through does not look at all of it again. */
  private beat(): void {
    if (!this.ended.signal.aborted) this.reader.response.write(`: heartbeat\nid: ${this.position}\n\n`);
  }

  private cutOff(): void {
    this.ended.abort();
    this.reader.response.destroy();
  }
}
