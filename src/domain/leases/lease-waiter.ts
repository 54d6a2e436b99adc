import { Injectable } from '@nestjs/common';
import { Stopping } from '../../platform/config/stopping.js';
import { EventLog, type Recorded } from '../../event-sourcing/event-log/index.js';
import { leaseStream, type LeaseEvent } from './events.js';
import { evolveLease } from './evolve.js';
import type { Lease } from './state.js';

/** Many wait for one signal: they look again together, and not more often than this. */
const LOOK_EVERY_MS = 15;
/** A signal may be lost. */
const LOOK_AT_LEAST_EVERY_MS = 1_000;

/** Waits until a lease has reached a state, whichever process changes it. */
@Injectable()
export class LeaseWaiter {
  private nextLook: Promise<void> | null = null;

  constructor(
    private readonly log: EventLog,
    private readonly stopping: Stopping,
  ) {}

  /**
   * The first state of the lease from here on that is `reached`; its current state when it does not get there in
   * time, or when the process stops: then the caller still learns where to look.
   * @param signal ends the waiting early
   */
  async until(lease: Lease, reached: (lease: Lease) => boolean, waitMs: number, signal?: AbortSignal): Promise<Lease> {
    const deadline = performance.now() + waitMs;
    let now = lease;
    while (!reached(now)) {
      for await (const event of this.log.read.stream(leaseStream(lease.id), { afterVersion: now.version })) {
        now = evolveLease(now, event as Recorded<LeaseEvent>);
        if (reached(now)) return now;
      }
      const left = deadline - performance.now();
      if (left <= 0 || signal?.aborted || this.stopping.begun.aborted) return now;
      await this.look(left, signal);
    }
    return now;
  }

  private async look(withinMs: number, signal?: AbortSignal): Promise<void> {
    this.nextLook ??= this.signalled().finally(() => {
      this.nextLook = null;
    });
    let timer: NodeJS.Timeout | undefined;
    let stop: (() => void) | undefined;
    const ended = new Promise<void>((resolve) => {
      stop = resolve;
      timer = setTimeout(resolve, withinMs);
      for (const one of [signal, this.stopping.begun]) one?.addEventListener('abort', stop, { once: true });
    });
    await Promise.race([this.nextLook, ended]);
    clearTimeout(timer);
    if (stop) for (const one of [signal, this.stopping.begun]) one?.removeEventListener('abort', stop);
  }

  /** Resolves soon after the log has grown. */
  private signalled(): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        clearTimeout(timer);
        unsubscribe();
        setTimeout(resolve, LOOK_EVERY_MS);
      };
      const timer = setTimeout(look, LOOK_AT_LEAST_EVERY_MS);
      const unsubscribe = this.log.signal.subscribe(look);
    });
  }
}
