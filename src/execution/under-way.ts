import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { CONFIG, type Config } from '../config/config.js';
import { EventLog } from '../event-log/index.js';

/** Within the time after which a silent process is taken for lost. */
const BEATS = 4;

/**
 * The commands that this process runs, told to others by a row each, whose beat grows as long as the process lives (see
 * LostExecutions).
 */
@Injectable()
export class UnderWay implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly leaseIds = new Map<string, string>();
  private settled: string[] = [];
  private readonly logger = new Logger(UnderWay.name);
  private timer: NodeJS.Timeout | null = null;
  private beating: Promise<void> | null = null;

  constructor(
    private readonly log: EventLog,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.beating ??= this.beat()
        .catch((error: unknown) => this.logger.warn(`Others may take this process for lost: ${String(error)}`))
        .finally(() => {
          this.beating = null;
        });
    }, this.config.workerLockMs / BEATS);
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.beating;
  }

  /** To be called before the command is recorded. */
  async enter(executionId: string, leaseId: string): Promise<void> {
    this.leaseIds.set(executionId, leaseId);
    await this.tell([[executionId, leaseId]]);
  }

  /** From here on this process says nothing of the command: others find out whether it has an end. */
  leave(executionId: string): void {
    this.leaseIds.delete(executionId);
  }

  /** As `leave`, of a command whose end is recorded: there is nothing to be found out. */
  settle(executionId: string): void {
    this.leave(executionId);
    this.settled.push(executionId);
  }

  has(executionId: string): boolean {
    return this.leaseIds.has(executionId);
  }

  private async beat(): Promise<void> {
    const { settled } = this;
    this.settled = [];
    if (settled.length > 0) {
      await this.log.pool.query('DELETE FROM executions_under_way WHERE execution_id = ANY ($1::uuid[])', [settled]);
    }
    if (this.leaseIds.size > 0) await this.tell([...this.leaseIds]);
  }

  private async tell(executions: readonly (readonly [executionId: string, leaseId: string])[]): Promise<void> {
    await this.log.pool.query(
      `INSERT INTO executions_under_way (execution_id, lease_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])
       ON CONFLICT (execution_id) DO UPDATE SET beat = executions_under_way.beat + 1`,
      [executions.map(([executionId]) => executionId), executions.map(([, leaseId]) => leaseId)],
    );
  }
}
