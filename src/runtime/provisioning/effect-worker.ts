import { setTimeout as sleep } from 'node:timers/promises';
import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { EffectAttempt } from './effect-attempt.js';
import { EffectPlaces } from './effect-places.js';
import type { EffectJob, EffectJobs } from './effect-jobs.js';
import { EffectQueue } from './effect-queue.js';
import { within } from './within.js';

/** After an error of the queue, whatever it is. */
const PAUSE_MS = 1_000;
/** For the queue to be told of what has ended, at the end. */
const FAREWELL_MS = 1_000;
/** More than this of a company's the process does not keep waiting: the sweep offers the rest again. */
export const WAITING_OF_A_COMPANY = 500;

/**
 * Takes effects off the queue at once, so that no company waits behind another there; `EffectPlaces` then decides whose turn
 * it is (decision 0030).
 */
@Injectable()
export class EffectWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(EffectWorker.name);
  private readonly places: EffectPlaces;
  private readonly stopping = new AbortController();
  private readonly taken = new Set<Promise<void>>();
  private jobs: EffectJobs | null = null;
  private failure: Error | null = null;

  constructor(
    private readonly queue: EffectQueue,
    private readonly attempt: EffectAttempt,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.places = new EffectPlaces(config.workerConcurrency);
  }

  onApplicationBootstrap(): void {
    if (this.config.role === 'api') return;
    this.jobs = this.queue.jobs((error) => this.warn(error));
    void this.takeAll(this.jobs);
  }

  /** What keeps it from taking effects from the queue; null: nothing, or it is not this process's role. */
  get problem(): string | null {
    return this.failure && this.failure.message;
  }

  /** Gives back what waits, and waits for the attempts under way, but not for ever: one may be cut off anywhere. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    this.places.close();
    // Where it is away there is nothing to end.
    void this.jobs?.interrupt().catch(() => undefined);
    await within(this.config.shutdownMs / 2, this.places.empty());
    await within(FAREWELL_MS, Promise.all(this.taken));
    await this.jobs?.close();
  }

  private async takeAll(jobs: EffectJobs): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        const job = await jobs.next();
        this.failure = null;
        if (job !== null) this.take(job);
      } catch (error) {
        this.failure = error instanceof Error ? error : new Error(String(error));
        this.warn(this.failure);
        await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private take(job: EffectJob): void {
    const taking = this.process(job)
      .catch((error: unknown) => this.warn(error))
      .finally(() => this.taken.delete(taking));
    this.taken.add(taking);
  }

  private async process(job: EffectJob): Promise<void> {
    try {
      const candidate = await this.attempt.candidate(job.leaseId, job.effectId);
      if (candidate === null || this.places.waitingOf(candidate.companyId) >= WAITING_OF_A_COMPANY) {
        await job.done();
        return;
      }
      const turn = await this.places.take(candidate, () => this.attempt.carryOut(job.leaseId, job.effectId));
      if (turn === null) await job.giveBack();
      else await (turn.given === null ? job.done() : job.again(turn.given));
    } catch (error) {
      await job.done().catch(() => undefined);
      throw error;
    }
  }

  private warn(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (this.stopping.signal.aborted) return;
    this.logger.warn(`An effect was interrupted, or the queue is unavailable. Pending effects run later. ${reason}`);
  }
}
