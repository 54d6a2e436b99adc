import { setMaxListeners } from 'node:events';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { CONFIG, type Config } from './config.js';

/** Of the time to end: what is under way may go on for this part of it; the rest is for saying how it ended. */
const GRACE = 0.5;

/** Tells all parts of the process that it has been asked to end, before the first of them is closed. */
@Injectable()
export class Stopping implements OnModuleDestroy {
  private readonly hasBegun = new AbortController();
  private readonly isLate = new AbortController();
  /** From here on nothing is begun, and nobody is kept waiting. */
  readonly begun = this.hasBegun.signal;
  /** What is still under way now is ended. */
  readonly late = this.isLate.signal;

  constructor(@Inject(CONFIG) private readonly config: Config) {
    // One for each that waits or runs, and each removes its own.
    setMaxListeners(0, this.begun, this.late);
  }

  onModuleDestroy(): void {
    this.hasBegun.abort();
    setTimeout(() => this.isLate.abort(), this.config.shutdownMs * GRACE).unref();
  }
}
