import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { DelayedError, type Job } from 'bullmq';
import { CONFIG, type Config } from '../config/config.js';
import { EffectAttempt } from './effect-attempt.js';
import { EffectQueue, type EffectJob } from './effect-queue.js';

/** Does the effects that are in the queue, in processes whose role it is. */
@Injectable()
export class EffectWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private worker: { close(): Promise<void> } | null = null;
  private readonly logger = new Logger(EffectWorker.name);

  constructor(
    private readonly queue: EffectQueue,
    private readonly attempt: EffectAttempt,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.role === 'api') return;
    const onFailure = (error: Error): void => {
      this.logger.warn(
        `An attempt was cut short, or the queue is away; what is pending is done later: ${error.message}`,
      );
    };
    this.worker = this.queue.work(this.config.workerConcurrency, (job, token) => this.process(job, token), onFailure);
  }

  /** Waits for the attempts under way. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.worker?.close();
  }

  private async process(job: Job<EffectJob>, token?: string): Promise<void> {
    const dueAt = await this.attempt.run(job.data.leaseId, job.id as string);
    if (dueAt === null) return;
    await job.moveToDelayed(Date.parse(dueAt), token);
    throw new DelayedError();
  }
}
