import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { LeaseholdError } from '../../errors/catalogue.js';
import { EventLog } from '../event-log/index.js';
import { Projections } from '../projections/index.js';
import { SubscriptionRunner } from '../subscriptions/index.js';

const TIMEOUT_MS = 5_000;

/** Lets a query pass once its read model includes what the caller must see. */
@Injectable()
export class ReadModelGate implements OnApplicationBootstrap {
  /** What was in the log when this process began: callers whom a killed predecessor has answered read on here. */
  private headAtStart = 0;

  constructor(
    private readonly log: EventLog,
    private readonly projections: Projections,
    private readonly subscriptions: SubscriptionRunner,
  ) {
    this.log.history.onAnother(() => {
      this.headAtStart = 0;
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    this.headAtStart = await this.log.read.head();
  }

  /**
   * Waits until the read model has everything that this process has appended or found in the log when it began, and
   * everything up to `minPosition`, in a version that this release can read.
   * @throws LeaseholdError read_model_behind after five seconds; position_ahead_of_log
   */
  async reached(projection: string, minPosition: number | null): Promise<void> {
    const position = await this.wanted(minPosition);
    if (await this.projections.caughtUp(projection, position, TIMEOUT_MS)) return;
    const why = this.projections.isReadable(projection)
      ? `has not reached ${position} yet`
      : 'is still being rebuilt for this release';
    throw new LeaseholdError('read_model_behind', `The read model "${projection}" ${why}.`);
  }

  /**
   * The same for what a subscription keeps itself, beside the read models.
   * @throws LeaseholdError read_model_behind after five seconds; position_ahead_of_log
   */
  async subscriptionReached(name: string, minPosition: number | null): Promise<void> {
    const position = await this.wanted(minPosition);
    if (await this.subscriptions.caughtUp(name, position, TIMEOUT_MS)) return;
    throw new LeaseholdError('read_model_behind', `The subscription "${name}" has not reached ${position} yet.`);
  }

  private async wanted(minPosition: number | null): Promise<number> {
    const own = Math.max(this.headAtStart, this.log.highestAppended);
    if (minPosition !== null && minPosition > own) {
      const head = await this.log.read.head();
      if (minPosition > head) {
        throw new LeaseholdError('position_ahead_of_log', `The log is at ${head}, before ${minPosition}.`);
      }
    }
    return Math.max(own, minPosition ?? 0);
  }
}
