import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { EventsHandler, type IEventHandler } from '@nestjs/cqrs';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, MoreThan, Not, Repository } from 'typeorm';
import { CONFIG, type Config } from '../config/config.js';
import { EffectPending } from '../leases/effect-hints.js';
import { LeaseRow } from '../leases/lease-row.js';
import { EffectQueue } from './effect-queue.js';

const EVERY_MS = 5_000;
const AT_ONCE = 500;

/** Puts an effect on the queue at once when it is asked for in this process. Should that fail, the sweep does it. */
@EventsHandler(EffectPending)
export class EffectOffer implements IEventHandler<EffectPending> {
  constructor(private readonly queue: EffectQueue) {}

  handle({ lease }: EffectPending): void {
    this.queue.offer([lease]).catch(() => undefined);
  }
}

/**
 * At start and every five seconds, everything that is pending by the log is offered to the queue, which takes what it does
 * not have: so the queue may lose everything, and whoever was to fill it may die.
 */
@Injectable()
export class EffectSweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | null = null;
  private sweeping: Promise<void> | null = null;
  private readonly logger = new Logger(EffectSweep.name);

  constructor(
    @InjectRepository(LeaseRow) private readonly rows: Repository<LeaseRow>,
    private readonly queue: EffectQueue,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.role === 'api') return;
    const begin = (): void => {
      this.sweeping ??= this.sweep().finally(() => {
        this.sweeping = null;
      });
    };
    begin();
    this.timer = setInterval(begin, EVERY_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.sweeping;
  }

  private async sweep(): Promise<void> {
    try {
      for (let fence = 0; ;) {
        const rows = await this.rows.find({
          where: { effectId: Not(IsNull()), fence: MoreThan(fence) },
          order: { fence: 'ASC' },
          take: AT_ONCE,
        });
        await this.queue.offer(rows.map((row) => row.lease));
        const last = rows.at(-1);
        if (!last || rows.length < AT_ONCE) return;
        fence = last.fence;
      }
    } catch (error) {
      this.logger.warn(`What is pending could not be put on the queue: ${String(error)}`);
    }
  }
}
