import { UnknownEventError, type EventLog, type LogTransaction, type RecordedEvent } from '../event-log/index.js';
import { advance, commitWithCheckpoint, type Held } from './checkpoint-transaction.js';
import { isPassing, OwnershipLostError, textOf } from './errors.js';
import { IS_FOREIGN } from './foreign.js';
import { sendHints } from './hints.js';
import {
  park,
  parkedStreams,
  requestedRetries,
  requestRetry,
  retryFailed,
  unpark,
  unparkAfter,
  waitingForNewer,
} from './parking.js';
import { pause } from './pause.js';
import type { OwnerTurn, ParkedStream, Subscription, SubscriptionRunnerOptions } from './subscription.js';
import { Suspicion } from './suspicion.js';

/** Positions that one query looks through at most, so that a subscription with rare events shows its progress. */
const SCAN = 100_000;
const RETRY_PAGE = 1_000;
/** Events from which on a log is long. */
const LONG_LOG = 10_000;
export const DEFAULT_BATCH_SIZE = 500;

/** A part of the log: every wanted event after the checkpoint and up to `end`. */
interface Window {
  readonly end: number;
  readonly events: readonly RecordedEvent[];
}

/**
 * One ownership of a subscription, from its claim on. It is used by one caller at a time. Every method may throw
 * OwnershipLostError, UnknownEventError, or a passing failure (see `isPassing`), after which `refresh` must be called.
 */
export class OwnedRun {
  private readonly parked = new Set<string>();
  private readonly suspicion: Suspicion;
  /** What follows the batch under way, read meanwhile: far behind the head, reading takes as long as handling. */
  private ahead: { readonly after: number; readonly limit: number; readonly window: Promise<Window> } | null = null;
  private stale = true;
  private begun = false;
  /** The log has not, or not any more, the event that the checkpoint stands at. */
  private isForeign = false;
  private hasAskedAgain = false;

  /** @param isAlone no newer release is there that would handle what only it understands */
  constructor(
    private readonly log: EventLog,
    private readonly subscription: Subscription,
    private held: Held,
    private readonly options: SubscriptionRunnerOptions,
    private readonly signal: AbortSignal,
    private readonly isAlone: () => boolean,
    private readonly onCheckpoint: (checkpoint: number) => void,
  ) {
    const batchSize = subscription.batchSize ?? DEFAULT_BATCH_SIZE;
    this.suspicion = new Suspicion(batchSize, options.tries, options.retryDelayMs);
  }

  /** Handles what the log holds now, and what was asked for meanwhile. */
  async pass(): Promise<void> {
    if (this.stale) await this.refresh();
    this.stale = true;
    const head = await this.log.read.head();
    if (this.isForeign || this.held.checkpoint > head) await this.beginAnew(head);
    if (this.held.checkpoint === 0 && head >= LONG_LOG) await this.begin(head);
    while (this.held.checkpoint < head && !this.signal.aborted) await this.step(head);
    if (this.parked.size > 0 && !this.hasAskedAgain) await this.askAgain();
    if (this.parked.size > 0) await this.retryRequested();
    if (this.subscription.reachedHead && !this.signal.aborted) await this.reachedHead();
    this.stale = false;
  }

  /** After a failure it is not known what was committed; another process may have been the owner meanwhile. */
  private async refresh(): Promise<void> {
    const { name, fence } = this.held;
    const { rows } = await this.log.pool.query<{ checkpoint: number; fence: number; isForeign: boolean }>(
      `SELECT checkpoint, fence, ${IS_FOREIGN} AS "isForeign" FROM subscriptions WHERE name = $1`,
      [name],
    );
    if (rows[0]?.fence !== fence) throw new OwnershipLostError(name);
    this.isForeign = rows[0].isForeign;
    const parked = await parkedStreams(this.log.pool, name);
    this.parked.clear();
    for (const { stream } of parked) this.parked.add(stream);
    if (this.isForeign) this.held = { ...this.held, checkpoint: rows[0].checkpoint };
    else this.moved(rows[0].checkpoint);
  }

  private moved(checkpoint: number): void {
    this.held = { ...this.held, checkpoint };
    this.onCheckpoint(checkpoint);
  }

  /** What was handled is not what the log has. */
  private async beginAnew(head: number): Promise<void> {
    const { name, checkpoint } = this.held;
    await commitWithCheckpoint(this.log, this.held, async (transaction) => {
      const from = (await this.subscription.anotherHistory?.(transaction, head)) ?? head;
      await unparkAfter(transaction.client, name, from);
      await sendHints(transaction.client, 'anew', [name]);
      return from;
    });
    const fields = { subscription: name, checkpoint, head };
    this.options.log('warn', 'the log has a different history than before; handling it from the start', fields);
    await this.refresh();
  }

  private async begin(head: number): Promise<void> {
    if (!this.subscription.beginning || this.begun) return;
    try {
      await this.subscription.beginning(this.turn(), head);
    } catch (error) {
      if (this.mustEnd(error) || this.signal.aborted) throw error;
      const fields = { subscription: this.held.name, error: textOf(error) };
      this.options.log('warn', 'the log could not be handled at once; handling it in parts', fields);
    }
    this.begun = true;
  }

  private async step(head: number): Promise<void> {
    const limit = this.suspicion.batchLimit;
    let window: Window | null = null;
    try {
      window = await this.nextWindow(head, limit);
      await this.handle(window);
    } catch (error) {
      if (this.mustEnd(error)) throw error;
      await this.failed(
        error,
        window ?? { end: this.held.checkpoint + limit, events: [] },
        window?.events.length ?? limit,
      );
      return;
    }
    this.moved(window.end);
    this.suspicion.succeeded(window.end);
  }

  /** All of it, but what belongs to parked streams, and to those that have to be parked for a newer release. */
  private async handle({ end, events }: Window): Promise<void> {
    const newer = new Map<string, RecordedEvent>();
    const handled: RecordedEvent[] = [];
    for (const event of events) {
      if (this.parked.has(event.stream) || newer.has(event.stream)) continue;
      if (this.takes(event)) handled.push(event);
      else newer.set(event.stream, event);
    }
    const [first] = newer.values();
    if (first && !this.isAlone()) throw new UnknownEventError(first);
    if (handled.length === 0 && !first) return advance(this.log, this.held, end);
    await this.commit(end, async (transaction) => {
      if (handled.length > 0) await this.subscription.handle(handled, transaction);
      for (const event of newer.values()) {
        await park(transaction.client, this.held.name, event, 1, new UnknownEventError(event));
      }
    });
    for (const stream of newer.keys()) this.parked.add(stream);
    if (!first) return;
    const fields = { subscription: this.held.name, streams: newer.size, error: textOf(new UnknownEventError(first)) };
    this.options.log('warn', 'streams are parked until a newer release handles them', fields);
  }

  private takes(event: RecordedEvent): boolean {
    return event.notUnderstood !== true || this.subscription.takesNewer?.(event) === true;
  }

  private async nextWindow(head: number, limit: number): Promise<Window> {
    const { ahead } = this;
    this.ahead = null;
    const { checkpoint } = this.held;
    const isNext = ahead?.after === checkpoint && ahead.limit === limit;
    const window = await (isNext ? ahead.window : this.readWindow(checkpoint, head, limit));
    if (window.end < head) {
      this.ahead = { after: window.end, limit, window: this.readWindow(window.end, head, limit) };
      // A failure counts when its turn comes, if it does.
      this.ahead.window.catch(() => undefined);
    }
    return window;
  }

  private async readWindow(after: number, head: number, limit: number): Promise<Window> {
    const { types } = this.subscription;
    const upTo = Math.min(head, after + SCAN);
    const options = { limit, upTo, takesNewer: true, ...(types && { types }) };
    const { events, hasMore } = await this.log.read.after(after, options);
    return { end: hasMore ? (events.at(-1)?.position ?? upTo) : upTo, events };
  }

  private async commit(position: number, work: (transaction: LogTransaction) => Promise<void>): Promise<void> {
    await commitWithCheckpoint(this.log, this.held, async (transaction) => {
      await work(transaction);
      return position;
    });
  }

  private async failed(error: unknown, window: Window, size: number): Promise<void> {
    const reaction = this.suspicion.failed(this.held.checkpoint, window.end, size);
    const fields = { subscription: this.held.name, after: this.held.checkpoint, events: size, error: textOf(error) };
    if (reaction.kind === 'park') {
      await this.parkNext(error);
    } else if (reaction.delayMs > 0) {
      this.options.log('warn', 'a batch failed; retrying', { ...fields, inMs: reaction.delayMs });
      await pause(reaction.delayMs, this.signal);
    } else {
      this.options.log('warn', 'a batch failed; splitting it', fields);
    }
  }

  /** Parks the stream of the next wanted event. It is looked up as it is stored, for it may be one that cannot be decoded. */
  private async parkNext(error: unknown): Promise<void> {
    const { name, checkpoint } = this.held;
    const { rows } = await this.log.pool.query<{ position: number; stream: string }>(
      `SELECT position, stream FROM events WHERE position > $1 AND ($2::text[] IS NULL OR type = ANY ($2))
        ORDER BY position LIMIT 1`,
      [checkpoint, this.subscription.types ?? null],
    );
    const event = rows[0];
    if (!event) return;
    const isNew = !this.parked.has(event.stream);
    await this.commit(event.position, async ({ client }) => {
      if (isNew) await park(client, name, event, 1, error);
    });
    this.parked.add(event.stream);
    this.moved(event.position);
    this.suspicion.succeeded(event.position);
    if (isNew) this.options.log('warn', 'a stream was parked', { subscription: name, ...event, error: textOf(error) });
  }

  /** What an older release has parked because it did not understand it. */
  private async askAgain(): Promise<void> {
    const { name } = this.held;
    for (const waiting of await waitingForNewer(this.log.pool, name)) {
      if (this.log.catalogue.understands(waiting)) await requestRetry(this.log.pool, name, waiting.stream);
    }
    this.hasAskedAgain = true;
  }

  private async retryRequested(): Promise<void> {
    for (const parked of await requestedRetries(this.log.pool, this.held.name)) {
      const { checkpoint } = this.held;
      const fields = { subscription: parked.subscription, stream: parked.stream };
      try {
        await this.commit(checkpoint, async (transaction) => {
          await this.handleStream(parked, checkpoint, transaction);
          await unpark(transaction.client, parked);
        });
        this.parked.delete(parked.stream);
        this.options.log('info', 'a parked stream was handled', fields);
      } catch (error) {
        if (mustEnd(error)) throw error;
        await this.commit(checkpoint, ({ client }) => retryFailed(client, parked, error));
        this.options.log('warn', 'a parked stream failed again', { ...fields, error: textOf(error) });
      }
    }
  }

  private async handleStream(parked: ParkedStream, upTo: number, transaction: LogTransaction): Promise<void> {
    const { types } = this.subscription;
    for (let after = parked.position - 1; ;) {
      const options = { stream: parked.stream, upTo, limit: RETRY_PAGE, takesNewer: true, ...(types && { types }) };
      const { events, hasMore } = await this.log.read.after(after, options, transaction.client);
      const newer = events.find((event) => !this.takes(event));
      if (newer) throw new UnknownEventError(newer);
      if (events.length > 0) await this.subscription.handle(events, transaction);
      const last = events.at(-1);
      if (!last || !hasMore) return;
      after = last.position;
    }
  }

  /** An older release must not park what a newer one wrote, where that is there: it leaves the subscription to it. */
  private mustEnd(error: unknown): boolean {
    return mustEnd(error) || (error instanceof UnknownEventError && !this.isAlone());
  }

  private async reachedHead(): Promise<void> {
    await this.subscription.reachedHead?.(this.turn());
  }

  private turn(): OwnerTurn {
    return {
      checkpoint: this.held.checkpoint,
      signal: this.signal,
      commit: async (work) => {
        const position = await commitWithCheckpoint(this.log, this.held, work);
        if (position !== null) this.moved(position);
      },
    };
  }
}

function mustEnd(error: unknown): boolean {
  return isPassing(error) || error instanceof OwnershipLostError;
}
