import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { InjectRepository } from '@nestjs/typeorm';
import { LessThanOrEqual, Raw, Repository } from 'typeorm';
import { environmentStream } from '../../environments/events.js';
import { EventLog } from '../../../event-sourcing/event-log/index.js';
import { ReadModelGate } from '../../../event-sourcing/read-models/read-model-gate.js';
import { leaseIdOf, leaseStream } from '../events.js';
import { leaseProjection } from '../lease-projection.js';
import { LeaseRow } from '../lease-row.js';
import { LeaseStore } from '../lease-store.js';
import { isSettled } from '../state.js';

/** Leases that are folded at a time. */
const PAGE = 500;

/** Ids of an environment's leases that have not been taken back, in their order. */
export class HeldLeases extends Query<string[]> {
  /** @param at as of this position of the log; null: now */
  constructor(
    readonly environmentId: string,
    readonly at: number | null,
  ) {
    super();
  }
}

@QueryHandler(HeldLeases)
export class HeldLeasesHandler implements IQueryHandler<HeldLeases> {
  constructor(
    @InjectRepository(LeaseRow) private readonly rows: Repository<LeaseRow>,
    private readonly gate: ReadModelGate,
    private readonly leases: LeaseStore,
    private readonly log: EventLog,
  ) {}

  async execute({ environmentId, at }: HeldLeases): Promise<string[]> {
    const now = (await this.log.read.openChildren(environmentStream(environmentId))).map(leaseIdOf);
    if (at === null) return now;
    const candidates = [...new Set([...now, ...(await this.changedSince(environmentId, at))])].sort();
    const held: string[] = [];
    for (let from = 0; from < candidates.length; from += PAGE) {
      const page = candidates.slice(from, from + PAGE);
      const stateOf = await this.leases.leases.manyAsOf(page.map(leaseStream), at);
      held.push(...page.filter((id) => isHeld(stateOf(leaseStream(id)))));
    }
    return held;
  }

  /** What was settled by then has changed no more: of all leases there ever were, only these and those open now were not. */
  private async changedSince(environmentId: string, at: number): Promise<string[]> {
    await this.gate.reached(leaseProjection.name, await this.log.read.head());
    const rows = await this.rows.find({
      select: { id: true },
      where: {
        environmentId,
        fence: LessThanOrEqual(at),
        lease: Raw((column) => `(${column} ->> 'position')::bigint > :at`, { at }),
      },
    });
    return rows.map(({ id }) => id);
  }
}

function isHeld(lease: Parameters<typeof isSettled>[0] | null): boolean {
  return lease !== null && !isSettled(lease);
}
