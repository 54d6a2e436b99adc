import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { EventLog } from '../event-log/index.js';
import { textOf } from './errors.js';
import { sendHints, type Hint } from './hints.js';
import { claim, makeRows, release, renew } from './ownership.js';
import { OwnerSession } from './owner-session.js';
import { parkedStreams, waitingForNewer } from './parking.js';
import { within } from './pause.js';
import { retry } from './retry.js';
import { readStatus } from './status.js';
import type {
  ParkedStream,
  RetryResult,
  Subscription,
  SubscriptionRunnerOptions,
  SubscriptionStatus,
} from './subscription.js';
import { Waiters } from './waiters.js';
import { Worker } from './worker.js';

const DEFAULTS: Omit<SubscriptionRunnerOptions, 'owner'> = {
  log: () => undefined,
  expiryMs: 10_000,
  claimEveryMs: 1_000,
  pollEveryMs: 1_000,
  coalesceMs: 100,
  minGapMs: 5,
  waiterPollMs: 5,
  tries: 3,
  retryDelayMs: 100,
  stopTimeoutMs: 5_000,
  yieldMs: 1_000,
  aloneMs: 60_000,
};

/**
 * Runs this process's share of the subscriptions: it claims those that nobody owns, and hands each its events. It serves
 * the checkpoints of all, whoever owns them.
 */
export class SubscriptionRunner {
  private readonly options: SubscriptionRunnerOptions;
  private readonly workers = new Map<string, Worker>();
  private readonly waiters: Waiters;
  private readonly session: OwnerSession;
  private unsubscribe: () => void = () => undefined;
  private timer: NodeJS.Timeout | null = null;
  private running = false;
  private tending: Promise<void> | null = null;
  private tendAgain = false;
  private renewDue = 0;
  /** Told once, until it passes or is another one. */
  private failure: string | null = null;
  private sessionFailure: string | null = null;

  constructor(
    private readonly log: EventLog,
    options: Partial<SubscriptionRunnerOptions> = {},
  ) {
    this.options = { ...DEFAULTS, owner: `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`, ...options };
    this.waiters = new Waiters(
      log.pool,
      this.options.waiterPollMs,
      (name) => this.hurry(name),
      (name) => this.owns(name),
      (position) => log.history.saw(position),
    );
    log.history.onAnother(() => this.beginAnew());
    const { expiryMs } = this.options;
    const connection = { ...log.connection, query_timeout: expiryMs, connectionTimeoutMillis: expiryMs };
    this.session = new OwnerSession(connection, {
      connected: () => {
        this.sessionFailure = null;
        this.renewDue = 0;
        // A hint may have been missed.
        this.waiters.forget();
        void this.tend();
      },
      hinted: (hint) => this.hinted(hint),
      failed: (error) => {
        this.sessionFailure = textOf(error);
        this.options.log('warn', 'the owner session cannot be opened', { error: this.sessionFailure });
      },
    });
  }

  /** Takes a subscription on, before or after `start`. */
  add(subscription: Subscription): void {
    if (this.workers.has(subscription.name)) throw new Error(`The subscription ${subscription.name} is added twice.`);
    const worker = new Worker(
      subscription,
      this.log,
      this.options,
      (name, checkpoint) => this.waiters.reached(name, checkpoint),
      () => {
        this.waiters.watchOthers();
        if (worker.notBefore > performance.now()) void this.release([worker.name]).catch(() => undefined);
      },
    );
    this.workers.set(subscription.name, worker);
    if (this.running) void this.tend();
  }

  /** Gives a subscription up for this process; its checkpoint stays. */
  async remove(name: string): Promise<void> {
    const worker = this.workers.get(name);
    if (!worker) return;
    this.workers.delete(name);
    if (this.tending) await this.tending;
    await worker.end(this.options.stopTimeoutMs);
    await this.release([name]).catch(() => undefined);
  }

  /** Resolves after the first attempt to claim. It goes on trying, also when the database is away, until `stop`. */
  async start(): Promise<void> {
    if (this.running) return;
    this.running = true;
    this.unsubscribe = this.log.signal.subscribe(() => {
      for (const worker of this.workers.values()) if (worker.held) worker.wake.hint();
    });
    await this.session.start();
    await this.tend();
    this.timer = setInterval(() => void this.tend(), this.options.claimEveryMs);
  }

  /** Ends after the batches under way and releases all, so that others take over at once. */
  async stop(): Promise<void> {
    this.waiters.close();
    if (!this.running) return;
    this.running = false;
    this.unsubscribe();
    if (this.timer) clearInterval(this.timer);
    const { stopTimeoutMs } = this.options;
    if (this.tending) await within(stopTimeoutMs, this.tending);
    await Promise.all([...this.workers.values()].map((worker) => worker.end(stopTimeoutMs)));
    // What cannot be released now is taken over anyway, once this session has ended.
    if (this.session.isConnected) await within(stopTimeoutMs, this.release([...this.workers.keys()]));
    await within(stopTimeoutMs, this.session.close());
  }

  /**
   * Resolves true as soon as the subscription has handled all events up to the position, whichever process runs it; false
   * after the time, and when the runner stops.
   */
  caughtUp(name: string, position: number, timeoutMs: number): Promise<boolean> {
    return this.waiters.wait(name, position, timeoutMs);
  }

  /** All subscriptions of the database, those of other processes too. */
  status(): Promise<SubscriptionStatus[]> {
    return readStatus(this.log, (name) => ({
      ownedHere: this.owns(name),
      failure: this.workers.get(name)?.failure ?? null,
    }));
  }

  /** What makes no headway here, and why. */
  failures(): { readonly name: string; readonly failure: string }[] {
    const session = this.sessionFailure ?? this.failure;
    const failing = [...this.workers.values()].flatMap(({ name, failure, held }) =>
      failure === null || held === null ? [] : [{ name, failure }],
    );
    return session === null ? failing : [{ name: 'the owner session', failure: session }, ...failing];
  }

  /** How many streams are parked at what this release does not understand. */
  async waitingForNewer(): Promise<number> {
    const waiting = await waitingForNewer(this.log.pool, null);
    return waiting.filter((event) => !this.log.catalogue.understands(event)).length;
  }

  parked(name: string): Promise<ParkedStream[]> {
    return parkedStreams(this.log.pool, name);
  }

  /**
   * Has the owner handle a parked stream's events, from the one that failed up to the checkpoint, in one transaction. Any
   * process may ask; the wish is stored, so it is fulfilled even if the owner dies.
   * @throws LeaseholdError `stream_not_parked`
   */
  retryParked(name: string, stream: string, timeoutMs = 10_000): Promise<RetryResult> {
    return retry(this.log.pool, name, stream, timeoutMs, () => this.hurry(name));
  }

  private owns(name: string): boolean {
    return (this.workers.get(name)?.held ?? null) !== null;
  }

  private hurry(name: string): boolean {
    if (!this.owns(name)) return false;
    this.workers.get(name)?.wake.hurry();
    return true;
  }

  private hinted({ kind, name }: Hint): void {
    if (kind === 'look') this.hurry(name);
    else if (kind === 'anew') this.waiters.forget(name);
    else if (this.workers.has(name) && !this.owns(name)) void this.tend();
  }

  /** What is owned here was claimed of another history: it ends, and is claimed again. */
  private beginAnew(): void {
    this.options.log('warn', 'the log has a different history than before; forgetting the old one', {});
    this.waiters.forget();
    for (const worker of this.workers.values()) void worker.end().then(() => this.tend());
  }

  private async release(names: readonly string[]): Promise<void> {
    await release(this.log.pool, this.options.owner, names);
    await sendHints(this.log.pool, 'free', names);
  }

  /** Makes rows, renews and claims; one at a time, for it uses the one session. */
  private tend(): Promise<void> {
    if (this.tending) {
      this.tendAgain = true;
      return this.tending;
    }
    this.tending = this.tendWhileAsked().finally(() => {
      this.tending = null;
    });
    return this.tending;
  }

  private async tendWhileAsked(): Promise<void> {
    for (this.tendAgain = true; this.tendAgain;) {
      this.tendAgain = false;
      if (!this.running || !this.session.isConnected) return;
      try {
        await this.makeRows();
        await this.renew();
        await this.claim();
        this.failure = null;
      } catch (error) {
        // The session has ended itself and connects again; then this is repeated.
        if (this.failure !== String(error))
          this.options.log('warn', 'the owner session failed', { error: String(error) });
        this.failure = String(error);
      }
    }
  }

  private async makeRows(): Promise<void> {
    const missing = [...this.workers.values()].filter((worker) => !worker.hasRow);
    if (missing.length === 0) return;
    await makeRows(
      this.session,
      missing.map((worker) => worker.name),
    );
    for (const worker of missing) worker.hasRow = true;
  }

  private async renew(): Promise<void> {
    const now = performance.now();
    if (now < this.renewDue) return;
    const held = [...this.workers.values()].flatMap((worker) => worker.held ?? []);
    if (held.length > 0) {
      const still = await renew(this.session, this.options.owner, held, this.options.expiryMs);
      for (const { name, fence } of held) {
        const worker = this.workers.get(name);
        if (still.has(name) || worker?.held?.fence !== fence) continue;
        this.options.log('info', 'a subscription is owned by another process now', { subscription: name });
        void worker.end();
      }
    }
    this.renewDue = now + this.options.expiryMs / 3;
  }

  private async claim(): Promise<void> {
    const now = performance.now();
    const wanted = [...this.workers.values()].filter((worker) => !worker.held && worker.notBefore <= now);
    if (wanted.length === 0) return;
    const names = wanted.map((worker) => worker.name);
    const { owner, expiryMs } = this.options;
    for (const held of await claim(this.session, owner, names, expiryMs, this.log.history.epoch)) {
      const worker = this.workers.get(held.name);
      if (worker && this.running) worker.begin(held);
    }
  }
}
