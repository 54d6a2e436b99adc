import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { InjectRepository } from '@nestjs/typeorm';
import { In, LessThan, Repository } from 'typeorm';
import { ReadModelGate } from '../../../event-sourcing/read-models/read-model-gate.js';
import type { CleanupStatus, LeaseStatus } from '../lease-names.js';
import { leaseStream } from '../events.js';
import { leaseProjection } from '../lease-projection.js';
import { LeaseRow } from '../lease-row.js';
import { LeaseStore } from '../lease-store.js';
import type { Lease } from '../state.js';

export interface LeaseFilter {
  readonly companyId?: string;
  readonly statuses?: readonly LeaseStatus[];
  readonly cleanupStatuses?: readonly CleanupStatus[];
  readonly cleanupWrittenOff?: boolean;
  readonly environmentId?: string;
  readonly heartbeatRunId?: string;
  readonly issueId?: string;
  readonly executionWorkspaceId?: string;
}

export interface LeasePage {
  readonly leases: Lease[];
  /** Pass it as `beforeFence` for the leases after these; null when there are none. A page that is not full may have one too. */
  readonly nextBeforeFence: number | null;
}

/** Rows that are looked at for one page at most, however few of them match: the next page goes on behind them. */
const LOOKED_AT = 1_000;

/** Leases that match a filter, newest first. */
export class ListLeases extends Query<LeasePage> {
  /**
   * @param beforeFence only leases older than this fence; null: from the newest.
   * @param at as they were at this position of the log; null: as they are
   */
  constructor(
    readonly filter: LeaseFilter,
    readonly limit: number,
    readonly beforeFence: number | null,
    readonly minPosition: number | null,
    readonly at: number | null = null,
  ) {
    super();
  }
}

@QueryHandler(ListLeases)
export class ListLeasesHandler implements IQueryHandler<ListLeases> {
  constructor(
    @InjectRepository(LeaseRow) private readonly rows: Repository<LeaseRow>,
    private readonly gate: ReadModelGate,
    private readonly leases: LeaseStore,
  ) {}

  async execute({ filter, limit, beforeFence, minPosition, at }: ListLeases): Promise<LeasePage> {
    if (at !== null) return this.asOf(filter, limit, beforeFence, at);
    await this.gate.reached(leaseProjection.name, minPosition);
    const { statuses, cleanupStatuses, ...equal } = filter;
    const rows = await this.rows.find({
      where: {
        ...equal,
        ...(statuses && { status: In(statuses) }),
        ...(cleanupStatuses && { cleanupStatus: In(cleanupStatuses) }),
        ...(beforeFence !== null && { fence: LessThan(beforeFence) }),
      },
      order: { fence: 'DESC' },
      take: limit + 1,
    });
    return pageOf(
      rows.map((row) => row.lease),
      limit,
    );
  }

  /**
   * Only a lease's status and that of its cleanup change, so that the rows say which leases come into question, in which order.
   * Those that have changed since are folded as far as they had come.
   */
  private async asOf(
    { statuses, cleanupStatuses, cleanupWrittenOff, ...equal }: LeaseFilter,
    limit: number,
    beforeFence: number | null,
    at: number,
  ): Promise<LeasePage> {
    await this.gate.reached(leaseProjection.name, at);
    const changing = { statuses, cleanupStatuses, cleanupWrittenOff };
    const take = Object.values(changing).some((wanted) => wanted !== undefined) ? LOOKED_AT : limit + 1;
    const rows = await this.rows.find({
      where: { ...equal, fence: LessThan(Math.min(beforeFence ?? at + 1, at + 1)) },
      order: { fence: 'DESC' },
      take,
    });
    const changed = rows.filter(({ lease }) => lease.position > at).map(({ id }) => leaseStream(id));
    const stateOf = await this.leases.leases.manyAsOf(changed, at);
    const found = rows.flatMap(({ id, lease }) => {
      const then = lease.position > at ? stateOf(leaseStream(id)) : lease;
      return then && matches(then, changing) ? [then] : [];
    });
    const page = pageOf(found, limit);
    const last = rows.length === take ? (rows.at(-1)?.fence ?? null) : null;
    return page.nextBeforeFence === null ? { ...page, nextBeforeFence: last } : page;
  }
}

type Changing = {
  readonly [Field in 'statuses' | 'cleanupStatuses' | 'cleanupWrittenOff']: LeaseFilter[Field] | undefined;
};

function matches(lease: Lease, { statuses, cleanupStatuses, cleanupWrittenOff }: Changing): boolean {
  const { status, cleanupStatus } = lease;
  return (
    (statuses?.includes(status) ?? true) &&
    (!cleanupStatuses || (cleanupStatus !== null && cleanupStatuses.includes(cleanupStatus))) &&
    (cleanupWrittenOff ?? lease.cleanupWrittenOff) === lease.cleanupWrittenOff
  );
}

/** @param leases one more than fit where there are more */
function pageOf(leases: readonly Lease[], limit: number): LeasePage {
  const page = leases.slice(0, limit);
  return { leases: page, nextBeforeFence: leases.length > limit ? (page.at(-1)?.fence ?? null) : null };
}
