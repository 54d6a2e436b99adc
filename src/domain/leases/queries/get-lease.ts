import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { LeaseholdError } from '../../../errors/catalogue.js';
import { ReadModelGate } from '../../../event-sourcing/read-models/read-model-gate.js';
import { leaseProjection } from '../lease-projection.js';
import { leaseStream } from '../events.js';
import { LeaseRow } from '../lease-row.js';
import { LeaseStore } from '../lease-store.js';
import type { Lease, LeaseState } from '../state.js';

/** One lease. @throws LeaseholdError lease_not_found */
export class GetLease extends Query<Lease> {
  /**
   * @param minPosition the answer includes at least everything up to it; null: what this process has appended.
   * @param at as it was at this position of the log; null: as it is
   */
  constructor(
    readonly leaseId: string,
    readonly minPosition: number | null,
    readonly at: number | null = null,
  ) {
    super();
  }
}

@QueryHandler(GetLease)
export class GetLeaseHandler implements IQueryHandler<GetLease> {
  constructor(
    @InjectRepository(LeaseRow) private readonly rows: Repository<LeaseRow>,
    private readonly gate: ReadModelGate,
    private readonly leases: LeaseStore,
  ) {}

  async execute({ leaseId, minPosition, at }: GetLease): Promise<Lease> {
    const lease = at === null ? await this.current(leaseId, minPosition) : await this.asOf(leaseId, at);
    if (lease === null) throw new LeaseholdError('lease_not_found', 'There is no lease with this id.');
    return lease;
  }

  private asOf(leaseId: string, at: number): Promise<LeaseState> {
    return this.leases.leases.asOf(leaseStream(leaseId), at);
  }

  private async current(leaseId: string, minPosition: number | null): Promise<LeaseState> {
    await this.gate.reached(leaseProjection.name, minPosition);
    return (await this.rows.findOneBy({ id: leaseId }))?.lease ?? null;
  }
}
