import type { SubscriptionRunnerOptions } from './subscription.js';

/**
 * Decides when an owner reads the log. A signal waits briefly, so that several appends share one read and one transaction. A
 * waiter causes a read at once, but at most one every `minGapMs`. Without either there is one every `pollEveryMs`, because
 * signals may be lost.
 */
export class WakeUp {
  private hintDue = Infinity;
  private hurried = false;
  private lastLook = -Infinity;
  private rearm: () => void = () => undefined;

  constructor(private readonly options: Pick<SubscriptionRunnerOptions, 'coalesceMs' | 'minGapMs' | 'pollEveryMs'>) {}

  /** The log may have grown. */
  hint(): void {
    if (this.hintDue !== Infinity) return;
    this.hintDue = performance.now() + this.options.coalesceMs;
    this.rearm();
  }

  /** Somebody waits. */
  hurry(): void {
    this.hurried = true;
    this.rearm();
  }

  /** Resolves when it is time, or when the signal aborts. What is hinted after it has resolved counts for the next time. */
  async next(signal: AbortSignal): Promise<void> {
    const floor = performance.now() + this.options.pollEveryMs;
    await new Promise<void>((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.rearm = () => undefined;
        resolve();
      };
      this.rearm = () => {
        clearTimeout(timer);
        const hurried = this.hurried ? this.lastLook + this.options.minGapMs : Infinity;
        const wait = Math.min(this.hintDue, hurried, floor) - performance.now();
        if (wait <= 0 || signal.aborted) done();
        else timer = setTimeout(done, wait);
      };
      signal.addEventListener('abort', done, { once: true });
      this.rearm();
    });
    this.hintDue = Infinity;
    this.hurried = false;
    this.lastLook = performance.now();
  }
}
