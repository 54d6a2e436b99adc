import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Background } from '../../../platform/config/background.js';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import { failureText } from '../../../domain/driver-contract/failure-text.js';
import { isContention, type EventLog } from '../../../event-sourcing/event-log/index.js';
import { retryDelay } from '../retry-policy.js';
import { claimDue, freeClaimsOfTheDead, type Claim } from './claims.js';
import type { Messages } from './signed-messages.js';
import type { Sender } from './sender.js';
import { settle, type Failing, type Outcome } from './settling.js';
import { WorkerSession } from './worker-session.js';

export interface DelivererOptions {
  /** Waits after failed attempts, in milliseconds. */
  readonly retryMs: readonly number[];
  readonly timeoutMs: number;
  /** Failed attempts in a row at one event after which its webhook is paused. */
  readonly pauseAfter: number;
  /** Pauses a webhook, unless it has changed since the claim. */
  readonly pause: (claim: Claim, reason: 'failing' | 'gone', detail: string) => Promise<unknown>;
  readonly warn: (message: string) => void;
  readonly background: Background;
}

/** Parts that may fail by themselves. */
const SENDING = 'sending webhooks';
const RECORDING = 'recording webhook deliveries';

const POLL_MS = 1_000;
/** Requests of this process, and of one webhook; with half of all under way, each webhook gets one, so that those with
 *  slow receivers leave room for the others. */
const MAX_REQUESTS = 256;
const PER_WEBHOOK = 8;
/** A claim outlives its request by this. */
const CLAIM_MARGIN_MS = 5_000;
const SETTLED_AT_ONCE = 200;
const SETTLE_ATTEMPTS = 5;
/** How long a service that stops waits for answers. */
const GRACE_MS = 2_000;
const GONE = 410;
const TOO_MANY = 429;

/** Sends what is due, in as many processes as there are workers: each claims its share. */
export class Deliverer {
  private readonly session: WorkerSession;
  private readonly underWay = new Map<string, number>();
  private readonly deliveries = new Set<Promise<void>>();
  private readonly outcomes: { readonly worker: number; readonly outcome: Outcome; readonly settled: () => void }[] =
    [];
  private settling: Promise<void> | null = null;
  private cutOff = manyListeners();
  private poll: NodeJS.Timeout | null = null;
  private looking: Promise<void> | null = null;
  private again = false;
  private stopped = true;

  constructor(
    private readonly log: EventLog,
    private readonly messages: Messages,
    private readonly sender: Sender,
    private readonly options: DelivererOptions,
  ) {
    this.session = new WorkerSession(log.connection, {
      hinted: () => this.look(),
      // Whoever takes over sends the same again: what is late must not come after what follows it.
      lost: () => this.cutAllOff(),
      failed: (error) => options.background.failed(SENDING, failureText(error)),
    });
  }

  async start(): Promise<void> {
    this.stopped = false;
    this.poll = setInterval(() => {
      freeClaimsOfTheDead(this.log.pool).then(
        () => this.look(),
        (error: unknown) => this.options.background.failed(SENDING, failureText(error)),
      );
    }, POLL_MS);
    await this.session.start();
  }

  /** Begins nothing more, waits a moment for what is under way, and leaves the rest to others. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    if (this.poll) clearInterval(this.poll);
    await this.looking;
    const over = new AbortController();
    const all = Promise.all(this.deliveries);
    await Promise.race([all, pause(GRACE_MS, undefined, { signal: over.signal }).catch(() => undefined)]);
    over.abort();
    this.cutAllOff();
    await all;
    // A webhook that is being paused.
    await Promise.all(this.deliveries);
    await this.session.close();
    this.sender.close();
  }

  private look(): void {
    this.again = true;
    this.looking ??= this.lookWhileAsked().finally(() => {
      this.looking = null;
    });
  }

  private async lookWhileAsked(): Promise<void> {
    try {
      while (this.again && !this.stopped) {
        this.again = false;
        await this.claim();
      }
    } catch (error) {
      // The next look is not far, and what was claimed comes free.
      this.options.warn(`Due deliveries could not be read: ${failureText(error)}`);
      this.options.background.failed(SENDING, failureText(error));
    }
  }

  private async claim(): Promise<void> {
    const { worker } = this.session;
    const limit = MAX_REQUESTS - this.deliveries.size;
    if (worker === null || limit <= 0) return;
    const perWebhook = this.deliveries.size < MAX_REQUESTS / 2 ? PER_WEBHOOK : 1;
    const room = new Map([...this.underWay].map(([id, busy]) => [id, Math.max(0, perWebhook - busy)]));
    const expiryMs = this.options.timeoutMs + CLAIM_MARGIN_MS;
    const claims = await claimDue(this.log.pool, { worker, expiryMs, limit, perWebhook, room });
    this.options.background.succeeded(SENDING);
    // One that fails here fails again, by itself, when it is made into a message.
    await this.messages.prepare(claims.map(({ position }) => position)).catch(() => undefined);
    for (const claim of claims) this.begin(worker, claim);
  }

  private begin(worker: number, claim: Claim): void {
    const { webhookId } = claim;
    this.underWay.set(webhookId, (this.underWay.get(webhookId) ?? 0) + 1);
    const delivery = this.deliver(worker, claim).finally(() => {
      this.deliveries.delete(delivery);
      const left = (this.underWay.get(webhookId) ?? 1) - 1;
      if (left === 0) this.underWay.delete(webhookId);
      else this.underWay.set(webhookId, left);
      this.look();
    });
    this.deliveries.add(delivery);
  }

  private async deliver(worker: number, claim: Claim): Promise<void> {
    const outcome = await this.attempt(claim, this.cutOff.signal);
    await new Promise<void>((settled) => {
      this.outcomes.push({ worker, outcome, settled });
      this.settling ??= this.settleAll().finally(() => {
        this.settling = null;
      });
    });
    if (outcome.kind === 'failed' && outcome.retryInMs < POLL_MS) {
      setTimeout(() => this.look(), outcome.retryInMs).unref();
    }
  }

  private async attempt(claim: Claim, cutOff: AbortSignal): Promise<Outcome> {
    const { retryMs } = this.options;
    const retryInMs = retryDelay(retryMs, claim.attempts + 1, Math.random());
    try {
      const message = await this.messages.of(claim.webhook, claim.position);
      const { ok, status, failure, retryAfterMs } = await this.sender.send(message, cutOff);
      const wait = Math.min(retryAfterMs ?? 0, Math.max(...retryMs));
      const isHeld = retryAfterMs !== null || status === TOO_MANY;
      const waits = { retryInMs: Math.max(retryInMs, wait), holdMs: isHeld ? Math.max(retryInMs, wait) : null };
      return { claim, kind: ok ? 'delivered' : 'failed', status, failure, ...waits };
    } catch (error) {
      if (cutOff.aborted) return { claim, kind: 'released', status: null, failure: null, retryInMs: 0, holdMs: null };
      // A database that was away is no failure of the receiver.
      const isOurs = !(error instanceof DriverError && error.failureClass === 'config');
      const kind = isOurs ? 'released' : 'failed';
      const waits = { retryInMs: isOurs ? POLL_MS : retryInMs, holdMs: null };
      return { claim, kind, status: null, failure: failureText(error), ...waits };
    }
  }

  /** What ends while the database is at work shares the next transaction. */
  private async settleAll(): Promise<void> {
    while (this.outcomes.length > 0) {
      const worker = this.outcomes[0]?.worker ?? 0;
      const batch = this.outcomes.splice(0, SETTLED_AT_ONCE);
      const own = batch.filter((settlement) => settlement.worker === worker);
      this.outcomes.unshift(...batch.filter((settlement) => settlement.worker !== worker));
      await this.settle(
        worker,
        own.map(({ outcome }) => outcome),
      );
      for (const { settled } of own) settled();
    }
  }

  private async settle(worker: number, outcomes: readonly Outcome[]): Promise<void> {
    try {
      this.pauseThose(outcomes, await this.settled(worker, outcomes));
      this.options.background.succeeded(RECORDING);
    } catch (error) {
      // What is not settled is sent again, once the claim has expired.
      this.options.warn(`Delivery results could not be recorded: ${failureText(error)}`);
      this.options.background.failed(RECORDING, failureText(error));
    }
  }

  /** Somebody else may have been in the way. */
  private async settled(worker: number, outcomes: readonly Outcome[]): Promise<Failing[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await settle(this.log, worker, outcomes);
      } catch (error) {
        if (attempt === SETTLE_ATTEMPTS || !isContention(error)) throw error;
      }
    }
  }

  private pauseThose(outcomes: readonly Outcome[], failing: readonly Failing[]): void {
    const failures = new Map(failing.map((each) => [each.webhookId, each.failures]));
    const asked = new Set<string>();
    for (const { claim, kind, status, failure } of outcomes) {
      const count = failures.get(claim.webhookId) ?? 0;
      const isGone = status === GONE;
      if (kind !== 'failed' || asked.has(claim.webhookId) || !(isGone || count >= this.options.pauseAfter)) continue;
      asked.add(claim.webhookId);
      const detail = isGone ? String(failure) : `${count} attempts have failed: ${String(failure)}`;
      // Settling does not wait for it, stopping does.
      const pausing = this.options
        .pause(claim, isGone ? 'gone' : 'failing', detail)
        .catch((error: unknown) => this.options.warn(`A webhook could not be paused: ${failureText(error)}`))
        .then(() => void this.deliveries.delete(pausing));
      this.deliveries.add(pausing);
    }
  }

  private cutAllOff(): void {
    this.cutOff.abort();
    this.cutOff = manyListeners();
  }
}

/** Each request under way hears of it. */
function manyListeners(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
