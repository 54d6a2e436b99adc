import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Background, type Recurring } from '../../platform/config/background.js';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { EventLog } from '../../event-sourcing/event-log/index.js';
import { newId } from '../../event-sourcing/ids/new-id.js';
import { leaseStream } from '../../domain/leases/events.js';
import { ExecutionEnds } from './execution-ends.js';
import { UnderWay } from '../../domain/leases/under-way.js';

interface Row {
  readonly executionId: string;
  readonly leaseId: string;
  readonly beat: number;
}

/**
 * Records the end of commands whose process has gone. A process counts as gone when this one has looked for as long as a
 * worker's lock lasts, by its own clock and without a failure, and has seen no beat of it: so neither a database that was
 * away nor a clock that was set takes a living process for dead. Should one come back anyway, it finds the end in the
 * log, records no other, and ends its command.
 */
@Injectable()
export class LostExecutions implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(LostExecutions.name);
  /** Rows as they were last seen, and since when they have been so. */
  private seen = new Map<string, Row & { readonly since: number }>();
  private looking: Recurring | null = null;

  constructor(
    private readonly log: EventLog,
    private readonly ends: ExecutionEnds,
    private readonly underWay: UnderWay,
    private readonly background: Background,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    const everyMs = this.config.workerLockMs / 2;
    const warn = (error: unknown): void => {
      // What was seen before a failure does not count.
      this.seen.clear();
      this.warn(error);
    };
    this.looking = this.background.every('looking for lost commands', everyMs, () => this.look(), {
      warn,
      atOnce: true,
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.looking?.stop();
  }

  private async look(): Promise<void> {
    const { rows } = await this.log.pool.query<Row>(
      'SELECT execution_id AS "executionId", lease_id AS "leaseId", beat FROM executions_under_way',
    );
    const now = performance.now();
    const compared = rows.map((row) => {
      const before = this.seen.get(row.executionId);
      return before?.beat === row.beat ? before : { ...row, since: now };
    });
    this.seen = new Map(compared.map((row) => [row.executionId, row]));
    for (const { executionId, leaseId, since } of compared) {
      const isSilent = now - since >= this.config.workerLockMs && !this.underWay.has(executionId);
      if (isSilent) await this.endLost(executionId, leaseId).catch((error: unknown) => this.warn(error));
    }
  }

  private warn(error: unknown): void {
    this.logger.warn(`The search for lost commands failed: ${String(error)}`);
  }

  /** It may also have its end, or never have begun: then its row is all that is left of it. */
  private async endLost(executionId: string, leaseId: string): Promise<void> {
    for await (const { type, data: said, id, correlationId } of this.log.read.stream(leaseStream(leaseId))) {
      if (type !== 'ExecutionStarted' || (said as { executionId: string }).executionId !== executionId) continue;
      const data = {
        executionId,
        failureClass: 'transient' as const,
        reasonCode: 'process_lost' as const,
        failureReason: 'The service process that ran it is gone, so its result is unknown.',
      };
      const context = { actor: 'system:executions', correlationId: correlationId ?? newId(), causationId: id };
      await this.ends.record(leaseId, { type: 'ExecutionFailed', data }, context);
      break;
    }
    await this.log.pool.query('DELETE FROM executions_under_way WHERE execution_id = $1', [executionId]);
  }
}
