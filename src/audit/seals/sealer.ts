import { setTimeout as pause } from 'node:timers/promises';
import type { Background } from '../../platform/config/background.js';
import type { EventLog } from '../../event-sourcing/event-log/index.js';
import type { SealKeys } from './seal-keys.js';
import type { SealsFile } from './seals-file.js';
import { CannotSealError, SEAL_EVENTS, sealNext } from './sealing.js';

export interface SealerOptions {
  /** Events wait this long at most, in milliseconds, while nothing fails. */
  readonly everyMs: number;
  /** What a seal is dated with. */
  readonly now: () => Date;
  /** Told once of a failure, until it passes or is another one. */
  readonly warn: (message: string) => void;
  readonly background: Background;
}

/** What has failed is tried again this soon, however seldom the log is sealed. */
const RETRY_MS = 5_000;

/** Seals the log in the background: whenever a seal is full, and every so often what there is. */
export class Sealer {
  private readonly ending = new AbortController();
  private wake = new AbortController();
  private work: Promise<void> | null = null;
  private unsubscribe: () => void = () => undefined;
  private sealedTo = 0;
  private failure: string | null = null;

  constructor(
    private readonly log: EventLog,
    private readonly keys: SealKeys,
    private readonly file: SealsFile | null,
    private readonly options: SealerOptions,
  ) {}

  start(): void {
    this.unsubscribe = this.log.signal.subscribe(() => {
      if (this.fillsSeal) this.wake.abort();
    });
    this.work = this.sealUntilStopped();
  }

  /** Ends after the seal under way. */
  async stop(): Promise<void> {
    this.unsubscribe();
    this.ending.abort();
    this.wake.abort();
    await this.work;
  }

  private async sealUntilStopped(): Promise<void> {
    let full = false;
    while (!this.ending.signal.aborted) {
      this.wake = new AbortController();
      await this.seal(full);
      // Woken for full seals, else it is time for all that there is.
      const { everyMs } = this.options;
      const waitMs = this.failure === null ? everyMs : Math.min(everyMs, RETRY_MS);
      full = await pause(waitMs, false, { signal: this.wake.signal }).catch(() => true);
    }
  }

  /** Whether this process has appended enough for a full seal. */
  private get fillsSeal(): boolean {
    return this.log.highestAppended - this.sealedTo >= SEAL_EVENTS;
  }

  /**
   * @param full only full seals: under load a seal for each few events would take a share of the database from the
   * appends, and whoever chases the head never comes to an end.
   */
  private async seal(full: boolean): Promise<void> {
    // Whether or not this process may seal, its file follows.
    const failures = [
      await failureOf(async () => {
        while (!this.ending.signal.aborted && (!full || this.fillsSeal)) {
          const seal = await sealNext(this.log.pool, this.keys, this.options.now);
          this.sealedTo = seal?.toPosition ?? this.log.highestAppended;
          if (!seal || seal.toPosition - seal.fromPosition + 1 < SEAL_EVENTS) break;
        }
      }),
      await failureOf(async () => this.file?.catchUp(this.log.pool)),
    ];
    // What cannot be sealed wakes nobody.
    if (failures[0] !== null) this.sealedTo = this.log.highestAppended;
    const failure = failures.filter((text) => text !== null).join(' ') || null;
    if (failure !== null && failure !== this.failure) this.options.warn(failure);
    this.failure = failure;
    if (failure === null) this.options.background.succeeded('sealing');
    else this.options.background.failed('sealing', failure);
  }
}

async function failureOf(work: () => Promise<unknown>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (error instanceof CannotSealError) return error.message;
    return `The log could not be sealed; retrying: ${error instanceof Error ? error.message : String(error)}`;
  }
}
