import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Background, type Recurring } from '../../platform/config/background.js';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { EventLog } from '../../event-sourcing/event-log/index.js';
import { newId } from '../../event-sourcing/ids/new-id.js';

/** Within the time after which a silent process is taken for lost. */
const BEATS = 4;

interface Entry {
  readonly executionId: string;
  readonly leaseId: string;
  readonly isSync: boolean;
}

/**
 * The commands that this process runs and the workspaces that it moves, told to others by a row each, whose beat grows as
 * long as the process lives (see LostExecutions).
 */
@Injectable()
export class UnderWay implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly entries = new Map<string, Entry>();
  private settled: string[] = [];
  private readonly logger = new Logger(UnderWay.name);
  private beating: Recurring | null = null;

  constructor(
    private readonly log: EventLog,
    private readonly background: Background,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    const everyMs = this.config.workerLockMs / BEATS;
    const warn = (error: unknown): void =>
      this.logger.warn(`Other processes may consider this process lost: ${String(error)}`);
    this.beating = this.background.every('reporting running commands', everyMs, () => this.beat(), { warn });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.beating?.stop();
  }

  /** To be called before the command is recorded. */
  async enter(executionId: string, leaseId: string): Promise<void> {
    await this.add({ executionId, leaseId, isSync: false });
  }

  /** Does work that moves a lease's workspace. */
  async duringSync<T>(leaseId: string, work: () => Promise<T>): Promise<T> {
    const executionId = newId();
    try {
      await this.add({ executionId, leaseId, isSync: true });
      return await work();
    } finally {
      this.leave(executionId);
      // At once: the lease's idle time begins. Should it fail, others find the row silent and remove it.
      await this.remove([executionId]).catch(() => undefined);
    }
  }

  /** Whether a workspace of the lease is being moved, by whichever process. */
  async isSyncing(leaseId: string): Promise<boolean> {
    const { rows } = await this.log.pool.query<{ any: boolean }>(
      'SELECT EXISTS (SELECT FROM executions_under_way WHERE lease_id = $1 AND is_sync) AS any',
      [leaseId],
    );
    return rows[0]?.any === true;
  }

  /** From here on this process says nothing of the command: others find out whether it has an end. */
  leave(executionId: string): void {
    this.entries.delete(executionId);
  }

  /** As `leave`, of a command whose end is recorded: there is nothing to be found out. */
  settle(executionId: string): void {
    this.leave(executionId);
    this.settled.push(executionId);
  }

  has(executionId: string): boolean {
    return this.entries.has(executionId);
  }

  private async beat(): Promise<void> {
    const { settled } = this;
    this.settled = [];
    if (settled.length > 0) await this.remove(settled);
    if (this.entries.size > 0) await this.tell([...this.entries.values()]);
  }

  private async add(entry: Entry): Promise<void> {
    this.entries.set(entry.executionId, entry);
    await this.tell([entry]);
  }

  private async remove(executionIds: readonly string[]): Promise<void> {
    await this.log.pool.query('DELETE FROM executions_under_way WHERE execution_id = ANY ($1::uuid[])', [executionIds]);
  }

  private async tell(entries: readonly Entry[]): Promise<void> {
    await this.log.pool.query(
      `INSERT INTO executions_under_way (execution_id, lease_id, is_sync)
       SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::boolean[])
       ON CONFLICT (execution_id) DO UPDATE SET beat = executions_under_way.beat + 1`,
      [
        entries.map(({ executionId }) => executionId),
        entries.map(({ leaseId }) => leaseId),
        entries.map(({ isSync }) => isSync),
      ],
    );
  }
}
