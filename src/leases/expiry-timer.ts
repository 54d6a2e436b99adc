import { Injectable, Logger, type OnApplicationBootstrap, type BeforeApplicationShutdown } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { CommandBus } from '@nestjs/cqrs';
import { LessThanOrEqual, Repository } from 'typeorm';
import { newId } from '../ids/new-id.js';
import { Clock } from './clock.js';
import { ExpireLease } from './commands/expire-lease.js';
import { LeaseRow } from './lease-row.js';

const EVERY_MS = 1_000;
const AT_ONCE = 100;

/**
 * Looks every second for active leases whose deadline has passed, and for what ended ones keep no longer. What it reads is only a hint: the command decides on
 * the log, so several processes may look at the same leases, and a lagging read model merely makes it late.
 */
@Injectable()
export class ExpiryTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | null = null;
  private looking: Promise<void> | null = null;
  private readonly logger = new Logger(ExpiryTimer.name);

  constructor(
    @InjectRepository(LeaseRow) private readonly rows: Repository<LeaseRow>,
    private readonly commands: CommandBus,
    private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.looking ??= this.look().finally(() => {
        this.looking = null;
      });
    }, EVERY_MS);
  }

  /** Resolves when the look under way has ended. */
  async beforeApplicationShutdown(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.looking;
  }

  private async look(): Promise<void> {
    try {
      const due = await this.rows.find({
        select: { id: true },
        where: { expiresAt: LessThanOrEqual(this.clock.now()) },
        order: { expiresAt: 'ASC' },
        take: AT_ONCE,
      });
      const context = { actor: 'system:expiry', correlationId: newId(), idempotency: null };
      const results = await Promise.allSettled(
        due.map(({ id }) => this.commands.execute(new ExpireLease(id, context))),
      );
      for (const result of results) {
        if (result.status === 'rejected') this.logger.warn(`A lease could not be expired: ${String(result.reason)}`);
      }
    } catch (error) {
      this.logger.warn(`Expired leases could not be looked for: ${String(error)}`);
    }
  }
}
