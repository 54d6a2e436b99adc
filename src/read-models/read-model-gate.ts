import { Injectable } from '@nestjs/common';
import { LeaseholdError } from '../errors/catalogue.js';
import { EventLog } from '../event-log/index.js';
import { Projections } from '../projections/index.js';

const TIMEOUT_MS = 5_000;

/** Lets a query pass once its read model includes what the caller must see. */
@Injectable()
export class ReadModelGate {
  constructor(
    private readonly log: EventLog,
    private readonly projections: Projections,
  ) {}

  /**
   * Waits until the read model has everything that this process has appended, and everything up to `minPosition`.
   * @throws LeaseholdError read_model_behind after five seconds; position_ahead_of_log
   */
  async reached(projection: string, minPosition: number | null): Promise<void> {
    const own = this.log.highestAppended;
    if (minPosition !== null && minPosition > own) {
      const head = await this.log.read.head();
      if (minPosition > head) {
        throw new LeaseholdError('position_ahead_of_log', `The log is at ${head}, before ${minPosition}.`);
      }
    }
    const position = Math.max(own, minPosition ?? 0);
    if (await this.projections.caughtUp(projection, position, TIMEOUT_MS)) return;
    throw new LeaseholdError('read_model_behind', `The read model "${projection}" has not reached ${position} yet.`);
  }
}
