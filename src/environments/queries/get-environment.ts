import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { ReadModelGate } from '../../read-models/read-model-gate.js';
import { LeaseholdError } from '../../errors/catalogue.js';
import { environmentOf, environmentProjection } from '../environment-projection.js';
import { EnvironmentRow } from '../environment-row.js';
import type { Environment } from '../state.js';

/** One environment that is not deleted. @throws LeaseholdError environment_not_found */
export class GetEnvironment extends Query<Environment> {
  /** @param minPosition the answer includes at least everything up to it; null: what this process has appended. */
  constructor(
    readonly environmentId: string,
    readonly minPosition: number | null,
  ) {
    super();
  }
}

@QueryHandler(GetEnvironment)
export class GetEnvironmentHandler implements IQueryHandler<GetEnvironment> {
  constructor(
    @InjectRepository(EnvironmentRow) private readonly rows: Repository<EnvironmentRow>,
    private readonly gate: ReadModelGate,
  ) {}

  async execute({ environmentId, minPosition }: GetEnvironment): Promise<Environment> {
    await this.gate.reached(environmentProjection.name, minPosition);
    const row = await this.rows.findOneBy({ id: environmentId, deleted: false });
    if (!row) throw new LeaseholdError('environment_not_found', 'There is no environment with this id.');
    return environmentOf(row);
  }
}
