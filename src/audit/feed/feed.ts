import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LessThanOrEqual, Repository } from 'typeorm';
import { LeaseholdError } from '../../errors/catalogue.js';
import { EventLog, sizeOf, type RecordedEvent } from '../../event-sourcing/event-log/index.js';
import { leaseProjection } from '../../domain/leases/lease-projection.js';
import { LeaseRow } from '../../domain/leases/lease-row.js';
import { ReadModelGate } from '../../event-sourcing/read-models/read-model-gate.js';
import { FeedSelection, needsLeases, type FeedFilter } from './feed-selection.js';

export interface FeedPage {
  readonly events: readonly RecordedEvent[];
  /** Everything up to here was looked at: the next page begins behind it. */
  readonly position: number;
  /** Whether that was the head of the log. */
  readonly isHead: boolean;
}

/** Events of the company that are looked at for one page at most, however few of them are wanted. */
const LOOKED_AT = 10_000;
const READ_AT_ONCE = 250;
/** With the event that reaches it, a page ends, however few events it has. */
const PAGE_BYTES = 8 * 1024 * 1024;

/** The log as one company's readers see it: in its order, without a gap. */
@Injectable()
export class Feed {
  constructor(
    private readonly log: EventLog,
    private readonly gate: ReadModelGate,
    @InjectRepository(LeaseRow) private readonly leases: Repository<LeaseRow>,
  ) {}

  /** @throws LeaseholdError position_ahead_of_log */
  async mustHaveReached(position: number): Promise<void> {
    const head = await this.log.read.head();
    if (position > head) {
      throw new LeaseholdError('position_ahead_of_log', `The log is at ${head}, before ${position}.`);
    }
  }

  /** A reader's selection that begins behind a position. @throws LeaseholdError read_model_behind */
  async selection(filter: FeedFilter, after: number): Promise<FeedSelection> {
    return new FeedSelection(filter, needsLeases(filter) ? await this.leasesBefore(filter, after) : []);
  }

  /** The next events that are wanted, in the order of the log. */
  async page(selection: FeedSelection, after: number, limit: number): Promise<FeedPage> {
    const found: RecordedEvent[] = [];
    const upTo = await this.log.read.head();
    let position = after;
    let bytes = 0;
    for (let looked = 0; looked < LOOKED_AT && position < upTo;) {
      const options = { ...selection.readOptions, upTo, limit: READ_AT_ONCE, takesNewer: true };
      const { events, hasMore } = await this.log.read.after(position, options);
      for (const event of events) {
        position = event.position;
        if (!selection.wants(event)) continue;
        found.push(event);
        bytes += sizeOf(event);
        if (found.length === limit || bytes >= PAGE_BYTES) return { events: found, position, isHead: false };
      }
      if (!hasMore) position = upTo;
      looked += events.length;
    }
    return { events: found, position, isHead: position >= upTo };
  }

  /** The run and the environment of a lease never change, so that it does not matter how new the rows are. */
  private async leasesBefore({ companyId, environmentId, runId }: FeedFilter, position: number): Promise<string[]> {
    await this.gate.reached(leaseProjection.name, position);
    const rows = await this.leases.find({
      select: { id: true },
      where: {
        companyId,
        ...(environmentId !== undefined && { environmentId }),
        ...(runId !== undefined && { heartbeatRunId: runId }),
        fence: LessThanOrEqual(position),
      },
    });
    return rows.map(({ id }) => id);
  }
}
