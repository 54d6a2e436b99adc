import { UnknownEventError, type EventLog } from '../event-log/index.js';
import type { Held } from './checkpoint-transaction.js';
import { OvertakenError, OwnershipLostError, textOf } from './errors.js';
import { OwnedRun } from './owned-run.js';
import { pause, within } from './pause.js';
import type { Subscription, SubscriptionRunnerOptions } from './subscription.js';
import { WakeUp } from './wake-up.js';

const LONGEST_PAUSE_MS = 1_000;
/** Whoever was overtaken is likely to get through at once. */
const LONGEST_OVERTAKEN_MS = 100;

/** Runs one subscription whenever this process owns it. */
export class Worker {
  readonly wake: WakeUp;
  /** A row in `subscriptions` is known to exist. */
  hasRow: boolean;
  /** Not claimed before this time (`performance.now()`). */
  notBefore = 0;
  failure: string | null = null;
  /** The last event that was left to a newer release; who meets it again knows that there is none. */
  private leftAt = 0;
  private aloneUntil = 0;
  private current: { readonly held: Held; readonly ending: AbortController; readonly done: Promise<void> } | null =
    null;

  constructor(
    readonly subscription: Subscription,
    private readonly log: EventLog,
    private readonly options: SubscriptionRunnerOptions,
    private readonly onCheckpoint: (name: string, checkpoint: number) => void,
    private readonly onEnded: (worker: Worker) => void,
  ) {
    this.wake = new WakeUp(options);
    this.hasRow = subscription.hasRow ?? false;
  }

  get name(): string {
    return this.subscription.name;
  }

  /** What this process has claimed and not ended. */
  get held(): Held | null {
    return this.current?.held ?? null;
  }

  /** Starts upon a claim; ends when the ownership is lost, or when asked to. */
  begin(held: Held): void {
    const ending = new AbortController();
    this.options.log('info', 'a subscription is owned here', {
      subscription: this.name,
      fence: held.fence,
      at: held.checkpoint,
    });
    const done = this.handleWhileOwned(held, ending.signal).finally(() => {
      this.current = null;
      this.onEnded(this);
    });
    this.current = { held, ending, done };
  }

  /** Begins no further batch. Resolves when the one under way has ended, or after a while. */
  async end(timeoutMs = 0): Promise<void> {
    const current = this.current;
    if (!current) return;
    current.ending.abort();
    await within(timeoutMs, current.done);
  }

  private async handleWhileOwned(held: Held, signal: AbortSignal): Promise<void> {
    const isAlone = (): boolean => performance.now() < this.aloneUntil;
    const run = new OwnedRun(this.log, this.subscription, held, this.options, signal, isAlone, (checkpoint) =>
      this.onCheckpoint(this.name, checkpoint),
    );
    for (let failures = 0; !signal.aborted;) {
      try {
        await run.pass();
        failures = 0;
        this.failure = null;
      } catch (error) {
        if (error instanceof OwnershipLostError) {
          this.options.log('info', 'a subscription is owned by another process now', { subscription: this.name });
          return;
        }
        this.failure = textOf(error);
        if (error instanceof UnknownEventError && error.position === this.leftAt) {
          this.aloneUntil = performance.now() + this.options.aloneMs;
          continue;
        }
        if (error instanceof UnknownEventError) {
          this.leftAt = error.position;
          this.notBefore = performance.now() + this.options.yieldMs;
          this.options.log('warn', 'a subscription is left to a newer release', {
            subscription: this.name,
            error: this.failure,
          });
          return;
        }
        if (failures === 0)
          this.options.log('warn', 'a subscription waits', { subscription: this.name, error: this.failure });
        const longest = error instanceof OvertakenError ? LONGEST_OVERTAKEN_MS : LONGEST_PAUSE_MS;
        await pause(Math.min(20 * 2 ** failures, longest), signal);
        failures += 1;
        continue;
      }
      await this.wake.next(signal);
    }
  }
}
