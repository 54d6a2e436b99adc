import { abortable } from './plugin-worker.js';

/** How long an answer that nobody waited for may still be asked for. */
const KEPT_MS = 600_000;

/**
 * Calls that may make something at a provider, by their effect. One that was given up goes on: what it comes to is found
 * by whoever asks for the same effect later, in this process.
 */
export class AcquireCalls<Result> {
  private readonly calls = new Map<string, Promise<Result>>();

  /** Waits until the signal ends it; the call does not hear of that. */
  async make(effectId: string, call: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const made = call();
    this.calls.set(effectId, made);
    const forget = (): void => {
      if (this.calls.get(effectId) === made) this.calls.delete(effectId);
    };
    made.then(
      () => setTimeout(forget, KEPT_MS).unref(),
      () => forget(),
    );
    return abortable(made, signal);
  }

  /** What the last call of this effect gave, or gives; null when there was none, or it failed. */
  async find(effectId: string, signal: AbortSignal): Promise<Result | null> {
    const call = this.calls.get(effectId);
    return (
      (await abortable(
        Promise.resolve(call).catch(() => undefined),
        signal,
      )) ?? null
    );
  }
}
