import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { ReadModelGate } from '../../../event-sourcing/read-models/read-model-gate.js';
import { LeaseholdError } from '../../../errors/catalogue.js';
import { environmentOf, environmentProjection } from '../environment-projection.js';
import { EnvironmentRow } from '../environment-row.js';
import { EnvironmentStore } from '../environment-store.js';
import { environmentStream } from '../events.js';
import type { Environment } from '../state.js';

/** One environment that is not deleted, or was not then. @throws LeaseholdError environment_not_found */
export class GetEnvironment extends Query<Environment> {
  /**
   * @param minPosition the answer includes at least everything up to it; null: what this process has appended.
   * @param at as it was at this position of the log; null: as it is
   */
  constructor(
    readonly environmentId: string,
    readonly minPosition: number | null,
    readonly at: number | null = null,
  ) {
    super();
  }
}

@QueryHandler(GetEnvironment)
export class GetEnvironmentHandler implements IQueryHandler<GetEnvironment> {
  constructor(
    @InjectRepository(EnvironmentRow) private readonly rows: Repository<EnvironmentRow>,
    private readonly gate: ReadModelGate,
    private readonly store: EnvironmentStore,
  ) {}

  async execute({ environmentId, minPosition, at }: GetEnvironment): Promise<Environment> {
    if (at !== null) {
      const state = await this.store.environments.asOf(environmentStream(environmentId), at);
      if (state.kind !== 'present') throw notFound();
      return state.environment;
    }
    await this.gate.reached(environmentProjection.name, minPosition);
    const row = await this.rows.findOneBy({ id: environmentId, deleted: false });
    if (!row) throw notFound();
    return environmentOf(row);
  }
}

function notFound(): LeaseholdError {
  return new LeaseholdError('environment_not_found', 'There is no environment with this id.');
}
