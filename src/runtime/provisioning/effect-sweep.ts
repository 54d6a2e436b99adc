import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { EventsHandler, type IEventHandler } from '@nestjs/cqrs';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Background, type Recurring } from '../../platform/config/background.js';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { EffectPending } from '../../domain/leases/effect-hints.js';
import { LeaseRow } from '../../domain/leases/lease-row.js';
import type { Lease } from '../../domain/leases/state.js';
import { EffectQueue } from './effect-queue.js';
import { WAITING_OF_A_COMPANY } from './effect-worker.js';

const EVERY_MS = 5_000;
const AT_ONCE = 500;
/** As `nextIn` has it within a company. */
const ORDER = `lease #>> '{effect,kind}' = 'cleanup' DESC, (lease #>> '{terms,priority}')::int DESC, fence`;

/** Puts an effect on the queue at once when it is asked for in this process. Should that fail, the sweep does it. */
@EventsHandler(EffectPending)
export class EffectOffer implements IEventHandler<EffectPending> {
  constructor(private readonly queue: EffectQueue) {}

  handle({ lease }: EffectPending): void {
    this.queue.offer([lease]).catch(() => undefined);
  }
}

/**
 * At the start and every five seconds, offers the effects that are pending in the log to the queue, which takes those that it
 * does not have. So the queue may lose everything, and the process that fills it may die. It offers only the next few of each
 * company, as many as a worker keeps waiting: one company cannot fill the queue.
 */
@Injectable()
export class EffectSweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private sweeping: Recurring | null = null;
  private readonly logger = new Logger(EffectSweep.name);

  constructor(
    @InjectRepository(LeaseRow) private readonly rows: Repository<LeaseRow>,
    private readonly queue: EffectQueue,
    private readonly background: Background,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.role === 'api') return;
    const warn = (error: unknown): void => this.logger.warn(`Pending effects could not be queued: ${String(error)}`);
    this.sweeping = this.background.every('queueing effects', EVERY_MS, () => this.sweep(), { warn, atOnce: true });
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.sweeping?.stop();
  }

  private async sweep(): Promise<void> {
    const first = this.rows
      .createQueryBuilder()
      .select('lease')
      .addSelect(`row_number() OVER (PARTITION BY company_id ORDER BY ${ORDER})`, 'place')
      .where('effect_id IS NOT NULL');
    const rows = await this.rows.query<{ lease: Lease }[]>(
      `SELECT lease FROM (${first.getQuery()}) AS pending WHERE place <= $1 ORDER BY place`,
      [WAITING_OF_A_COMPANY],
    );
    for (let from = 0; from < rows.length; from += AT_ONCE) {
      await this.queue.offer(rows.slice(from, from + AT_ONCE).map((row) => row.lease));
    }
  }
}
