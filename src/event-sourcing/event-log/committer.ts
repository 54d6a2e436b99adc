import type { Pool } from 'pg';
import type { Append, Verdict } from './append.js';
import { appendStatement, readVerdicts, type AppendRow } from './append-statement.js';
import type { RecordedEvent } from './events.js';
import { LogOverloadedError, LogUnavailableError } from './errors.js';
import { inabilityOf, isConnectionFailure, isContention } from './postgres-errors.js';

export interface CommitterOptions {
  /** Appends that may wait; one more is answered with LogOverloadedError. */
  readonly maxQueued: number;
  /** Appends in one statement. */
  readonly maxBatch: number;
  /** Statements under way at once. */
  readonly maxInFlight: number;
  /** How long an append is tried again while the database is away, in milliseconds. */
  readonly retryBudgetMs: number;
}

export const DEFAULT_COMMITTER_OPTIONS: CommitterOptions = {
  maxQueued: 10_000,
  maxBatch: 256,
  maxInFlight: 2,
  retryBudgetMs: 15_000,
};

/** How far past the appends that must wait for another batch the next batch is looked for, in batches. */
const LOOK_AHEAD = 8;

interface Waiting {
  readonly append: Append;
  /** When it is given up if the database stays away. Counted from its arrival, so that a long queue fails together. */
  readonly deadline: number;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: unknown) => void;
}

/** What one statement commits. */
interface Batch {
  readonly waiting: Waiting[];
  readonly touched: Touched;
}

/**
 * Drains concurrent appends of this process into few statements (group commit). One append a transaction would be
 * capped at one append per commit latency, because the log's lock is held over the commit.
 */
export class Committer {
  private queue: Waiting[] = [];
  private readonly inFlight = new Set<Batch>();
  private scheduled = false;
  private idle: (() => void)[] = [];
  /** Why the newest append could not be recorded at all; null once one is. */
  failure: unknown = null;

  constructor(
    private readonly pool: Pool,
    private readonly options: CommitterOptions,
    private readonly onCommitted: (position: number, events: readonly RecordedEvent[]) => void,
  ) {}

  append(append: Append): Promise<Verdict> {
    if (this.queue.length >= this.options.maxQueued) {
      return Promise.reject(new LogOverloadedError(this.queue.length));
    }
    return new Promise((resolve, reject) => {
      this.queue.push({ append, deadline: performance.now() + this.options.retryBudgetMs, resolve, reject });
      this.schedule();
    });
  }

  /** Resolves once nothing waits and nothing is under way. */
  async drain(): Promise<void> {
    if (this.queue.length === 0 && this.inFlight.size === 0) return;
    await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  /** On the next turn of the event loop, so that the appends of this turn share a statement; there is no timer. */
  private schedule(): void {
    if (this.scheduled || this.inFlight.size >= this.options.maxInFlight) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      const batch = this.takeBatch();
      // Everything that waits touches what is under way; the end of that schedules again.
      if (batch.waiting.length === 0) return;
      this.inFlight.add(batch);
      void this.commit(batch.waiting).finally(() => {
        this.inFlight.delete(batch);
        if (this.queue.length > 0) this.schedule();
        else if (this.inFlight.size === 0) for (const resolve of this.idle.splice(0)) resolve();
      });
      if (this.queue.length > 0) this.schedule();
    });
  }

  /**
   * The oldest appends that do not touch each other or what is under way: an append of a stream or key that an earlier
   * one writes waits until that is committed, so that it is compared with what the earlier one left. Side by side, two
   * makers of one stream or users of one key would fail their whole batches.
   */
  private takeBatch(): Batch {
    const batch: Waiting[] = [];
    const left: Waiting[] = [];
    const touched = new Touched();
    const passedOver = new Touched();
    const others = [touched, passedOver, ...[...this.inFlight].map((other) => other.touched)];
    let looked = 0;
    for (const waiting of this.queue) {
      if (batch.length === this.options.maxBatch || looked === this.options.maxBatch * LOOK_AHEAD) break;
      looked += 1;
      const mustWait = others.some((other) => other.overlaps(waiting.append));
      (mustWait ? left : batch).push(waiting);
      (mustWait ? passedOver : touched).add(waiting.append);
    }
    this.queue = left.concat(this.queue.slice(looked));
    return { waiting: batch, touched };
  }

  private async commit(batch: Waiting[]): Promise<void> {
    try {
      const verdicts = await this.record(batch.map((waiting) => waiting.append));
      batch.forEach((waiting, index) => waiting.resolve(verdicts[index] as Verdict));
    } catch (error) {
      // Whatever it was, it may concern a single append: each is tried alone and gets its own verdict or error.
      for (const waiting of batch) await this.commitAlone(waiting, error).then(waiting.resolve, waiting.reject);
    }
  }

  /**
   * A lost connection leaves open whether the append was recorded. It is safe to repeat: an append that finds its own
   * event at the place where it wants to write has been recorded, and gets that result.
   */
  private async commitAlone({ append, deadline }: Waiting, before: unknown): Promise<Verdict> {
    let failure = before;
    for (let attempt = 0; ; attempt += 1) {
      // A whole batch waits as long as one of its appends does, also where each attempt takes its time.
      if (performance.now() > deadline) throw isConnectionFailure(failure) ? new LogUnavailableError(failure) : failure;
      try {
        return (await this.record([append]))[0] as Verdict;
      } catch (error) {
        if (!isConnectionFailure(error) && !isContention(error)) throw error;
        failure = error;
        await new Promise((resolve) => setTimeout(resolve, Math.min(20 * 2 ** attempt, 500)));
      }
    }
  }

  private async record(appends: Append[]): Promise<Verdict[]> {
    const { rows } = await this.pool.query<AppendRow>(appendStatement(appends)).catch((error: unknown) => {
      if (inabilityOf(error) !== null || isConnectionFailure(error)) this.failure = error;
      throw error;
    });
    this.failure = null;
    const verdicts = readVerdicts(appends, rows[0] as AppendRow);
    let last = 0;
    // A duplicate may be this process's own append, repeated after its first answer was lost.
    for (const verdict of verdicts) if (verdict.kind !== 'conflict') last = Math.max(last, verdict.position);
    const events = verdicts.flatMap((verdict) => (verdict.kind === 'ok' ? verdict.events : []));
    if (last > 0) this.onCommitted(last, events);
    return verdicts;
  }
}

/** The streams and keys that some appends touch. */
class Touched {
  private readonly written = new Set<string>();
  private readonly guarded = new Set<string>();
  private readonly keys = new Set<string>();

  overlaps({ writes, guards, idempotency, companyId }: Append): boolean {
    return (
      writes.some((write) => this.written.has(write.stream) || this.guarded.has(write.stream)) ||
      guards.some((guard) => this.written.has(guard.stream)) ||
      (idempotency !== null && this.keys.has(`${companyId} ${idempotency.key}`))
    );
  }

  add({ writes, guards, idempotency, companyId }: Append): void {
    for (const write of writes) this.written.add(write.stream);
    for (const guard of guards) this.guarded.add(guard.stream);
    if (idempotency) this.keys.add(`${companyId} ${idempotency.key}`);
  }
}
