import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { LeaseholdError } from '../../errors/catalogue.js';
import { ReadModelGate } from '../../read-models/read-model-gate.js';
import { leaseProjection } from '../lease-projection.js';
import { LeaseRow } from '../lease-row.js';
import type { Lease } from '../state.js';

/** One lease. @throws LeaseholdError lease_not_found */
export class GetLease extends Query<Lease> {
  /** @param minPosition the answer includes at least everything up to it; null: what this process has appended. */
  constructor(
    readonly leaseId: string,
    readonly minPosition: number | null,
  ) {
    super();
  }
}

@QueryHandler(GetLease)
export class GetLeaseHandler implements IQueryHandler<GetLease> {
  constructor(
    @InjectRepository(LeaseRow) private readonly rows: Repository<LeaseRow>,
    private readonly gate: ReadModelGate,
  ) {}

  async execute({ leaseId, minPosition }: GetLease): Promise<Lease> {
    await this.gate.reached(leaseProjection.name, minPosition);
    const row = await this.rows.findOneBy({ id: leaseId });
    if (!row) throw new LeaseholdError('lease_not_found', 'There is no lease with this id.');
    return row.lease;
  }
}
