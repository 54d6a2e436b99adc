import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { ReadModelGate } from '../../read-models/read-model-gate.js';
import type { EnvironmentDriver, EnvironmentStatus } from '../driver-names.js';
import { environmentOf, environmentProjection } from '../environment-projection.js';
import { EnvironmentRow } from '../environment-row.js';
import type { Environment } from '../state.js';

export interface EnvironmentFilter {
  readonly status?: EnvironmentStatus;
  readonly driver?: EnvironmentDriver;
}

/** A company's environments, oldest first, without deleted ones. */
export class ListEnvironments extends Query<Environment[]> {
  constructor(
    readonly companyId: string,
    readonly filter: EnvironmentFilter,
    readonly minPosition: number | null,
  ) {
    super();
  }
}

@QueryHandler(ListEnvironments)
export class ListEnvironmentsHandler implements IQueryHandler<ListEnvironments> {
  constructor(
    @InjectRepository(EnvironmentRow) private readonly rows: Repository<EnvironmentRow>,
    private readonly gate: ReadModelGate,
  ) {}

  async execute({ companyId, filter, minPosition }: ListEnvironments): Promise<Environment[]> {
    await this.gate.reached(environmentProjection.name, minPosition);
    const rows = await this.rows.find({
      where: { companyId, deleted: false, ...filter },
      order: { createdAt: 'ASC', id: 'ASC' },
    });
    return rows.map(environmentOf);
  }
}
