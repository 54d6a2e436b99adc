import { Injectable, Logger, type OnApplicationBootstrap, type BeforeApplicationShutdown } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { CommandBus } from '@nestjs/cqrs';
import { And, LessThanOrEqual, MoreThan, Repository, type FindOptionsWhere } from 'typeorm';
import { Background } from '../../platform/config/background.js';
import { Clock, UnknownEventError } from '../../event-sourcing/event-log/index.js';
import { newId } from '../../event-sourcing/ids/new-id.js';
import { ExpireLease } from './commands/expire-lease.js';
import { LeaseLiveness } from './lease-liveness.js';
import { LeaseRow } from './lease-row.js';

const EVERY_MS = 1_000;
const AT_ONCE = 100;
/** Rows of ended leases are in nobody's way: to remove them is no hurry. */
const LOOKS_PER_CLEARING = 60;

interface DueLease {
  readonly id: string;
  readonly dueAt: string;
}

/**
 * Every second, finds active leases whose end or notice is due, and kept sandboxes whose time is over: all of them, however
 * many there are. The read model is only a hint. The command decides on the log, so several processes may look at the same
 * leases, and a read model that lags only makes it late.
 */
@Injectable()
export class ExpiryTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | null = null;
  private looking: Promise<void> | null = null;
  private isEnding = false;
  private looks = 0;
  private readonly logger = new Logger(ExpiryTimer.name);

  constructor(
    @InjectRepository(LeaseRow) private readonly rows: Repository<LeaseRow>,
    private readonly commands: CommandBus,
    private readonly liveness: LeaseLiveness,
    private readonly clock: Clock,
    private readonly background: Background,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.looking ??= this.look().finally(() => {
        this.looking = null;
      });
    }, EVERY_MS);
  }

  /** Resolves when what it does at the moment has ended. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isEnding = true;
    if (this.timer) clearInterval(this.timer);
    await this.looking;
  }

  private async look(): Promise<void> {
    try {
      await this.clock.synchronize();
      const now = this.clock.now();
      // On behind those that were looked at, whatever came of them: one that cannot be expired is in nobody's way.
      for (let last: DueLease | undefined; !this.isEnding;) {
        const due = await this.due(now, last);
        await this.expire(due, now);
        if (due.length < AT_ONCE) break;
        last = due.at(-1);
      }
      if (this.looks % LOOKS_PER_CLEARING === 0) await this.liveness.removeEnded();
      this.looks += 1;
      this.background.succeeded('expiry');
    } catch (error) {
      this.logger.warn(`Expired leases could not be looked for: ${String(error)}`);
      this.background.failed('expiry', error);
    }
  }

  private async due(now: string, last: DueLease | undefined): Promise<DueLease[]> {
    const where: FindOptionsWhere<LeaseRow>[] = last
      ? [{ dueAt: And(MoreThan(last.dueAt), LessThanOrEqual(now)) }, { dueAt: last.dueAt, id: MoreThan(last.id) }]
      : [{ dueAt: LessThanOrEqual(now) }];
    const rows = await this.rows.find({
      select: { id: true, dueAt: true },
      where,
      order: { dueAt: 'ASC', id: 'ASC' },
      take: AT_ONCE,
    });
    return rows.flatMap(({ id, dueAt }) => (dueAt === null ? [] : [{ id, dueAt }]));
  }

  private async expire(due: readonly DueLease[], now: string): Promise<void> {
    const context = { actor: 'system:expiry', correlationId: newId(), idempotency: null };
    const results = await Promise.allSettled(
      due.map(({ id }) => this.commands.execute(new ExpireLease(id, now, context))),
    );
    // The log and the readiness say it of what is a newer release's to expire.
    const failures = results.flatMap((result) =>
      result.status === 'rejected' && !(result.reason instanceof UnknownEventError) ? [String(result.reason)] : [],
    );
    if (failures[0]) this.logger.warn(`${failures.length} leases could not be expired, the first: ${failures[0]}`);
  }
}
