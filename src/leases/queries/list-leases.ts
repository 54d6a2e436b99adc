import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { InjectRepository } from '@nestjs/typeorm';
import { In, LessThan, Repository } from 'typeorm';
import { ReadModelGate } from '../../read-models/read-model-gate.js';
import type { LeaseStatus } from '../lease-names.js';
import { leaseProjection } from '../lease-projection.js';
import { LeaseRow } from '../lease-row.js';
import type { Lease } from '../state.js';

export interface LeaseFilter {
  readonly companyId?: string;
  readonly statuses?: readonly LeaseStatus[];
  readonly environmentId?: string;
  readonly heartbeatRunId?: string;
  readonly issueId?: string;
  readonly executionWorkspaceId?: string;
}

export interface LeasePage {
  readonly leases: Lease[];
  /** Pass it as `beforeFence` for the leases after these; null when there are none. */
  readonly nextBeforeFence: number | null;
}

/** Leases that match a filter, newest first. */
export class ListLeases extends Query<LeasePage> {
  /** @param beforeFence only leases older than this fence; null: from the newest. */
  constructor(
    readonly filter: LeaseFilter,
    readonly limit: number,
    readonly beforeFence: number | null,
    readonly minPosition: number | null,
  ) {
    super();
  }
}

@QueryHandler(ListLeases)
export class ListLeasesHandler implements IQueryHandler<ListLeases> {
  constructor(
    @InjectRepository(LeaseRow) private readonly rows: Repository<LeaseRow>,
    private readonly gate: ReadModelGate,
  ) {}

  async execute({ filter, limit, beforeFence, minPosition }: ListLeases): Promise<LeasePage> {
    await this.gate.reached(leaseProjection.name, minPosition);
    const { statuses, ...equal } = filter;
    const rows = await this.rows.find({
      where: {
        ...equal,
        ...(statuses && { status: In(statuses) }),
        ...(beforeFence !== null && { fence: LessThan(beforeFence) }),
      },
      order: { fence: 'DESC' },
      take: limit + 1,
    });
    const leases = rows.slice(0, limit).map((row) => row.lease);
    return { leases, nextBeforeFence: rows.length > limit ? (leases.at(-1)?.fence ?? null) : null };
  }
}
