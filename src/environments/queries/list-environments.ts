import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { ReadModelGate } from '../../read-models/read-model-gate.js';
import type { EnvironmentDriver, EnvironmentStatus } from '../driver-names.js';
import { environmentOf, environmentProjection } from '../environment-projection.js';
import { EnvironmentRow } from '../environment-row.js';
import { EnvironmentStore } from '../environment-store.js';
import { environmentStream } from '../events.js';
import type { Environment } from '../state.js';

export interface EnvironmentFilter {
  readonly status?: EnvironmentStatus;
  readonly driver?: EnvironmentDriver;
}

/** A company's environments, oldest first, without deleted ones; `at`: as they were at that position of the log. */
export class ListEnvironments extends Query<Environment[]> {
  constructor(
    readonly companyId: string,
    readonly filter: EnvironmentFilter,
    readonly minPosition: number | null,
    readonly at: number | null = null,
  ) {
    super();
  }
}

@QueryHandler(ListEnvironments)
export class ListEnvironmentsHandler implements IQueryHandler<ListEnvironments> {
  constructor(
    @InjectRepository(EnvironmentRow) private readonly rows: Repository<EnvironmentRow>,
    private readonly gate: ReadModelGate,
    private readonly store: EnvironmentStore,
  ) {}

  async execute({ companyId, filter, minPosition, at }: ListEnvironments): Promise<Environment[]> {
    if (at !== null) return this.asOf(companyId, filter, at);
    await this.gate.reached(environmentProjection.name, minPosition);
    const rows = await this.rows.find({
      where: { companyId, deleted: false, ...filter },
      order: { createdAt: 'ASC', id: 'ASC' },
    });
    return rows.map(environmentOf);
  }

  /** Rows stay when their environments are deleted; what else they say may have been otherwise then. */
  private async asOf(companyId: string, filter: EnvironmentFilter, at: number): Promise<Environment[]> {
    await this.gate.reached(environmentProjection.name, at);
    const rows = await this.rows.find({ where: { companyId }, order: { createdAt: 'ASC', id: 'ASC' } });
    const streams = rows.map(({ id }) => environmentStream(id));
    const stateOf = await this.store.environments.manyAsOf(streams, at);
    return streams.flatMap((stream) => {
      const state = stateOf(stream);
      return state.kind === 'present' && matches(state.environment, filter) ? [state.environment] : [];
    });
  }
}

function matches({ status, driver }: Environment, filter: EnvironmentFilter): boolean {
  return (filter.status ?? status) === status && (filter.driver ?? driver) === driver;
}
