import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { InjectRepository } from '@nestjs/typeorm';
import { MoreThan, Repository, type FindOptionsWhere } from 'typeorm';
import { LeaseholdError } from '../../../errors/catalogue.js';
import { ReadModelGate } from '../../../event-sourcing/read-models/read-model-gate.js';
import type { EnvironmentDriver } from '../../driver-contract/driver-names.js';
import type { EnvironmentStatus } from '../environment-names.js';
import { environmentOf, environmentProjection } from '../environment-projection.js';
import { EnvironmentRow } from '../environment-row.js';
import { EnvironmentStore } from '../environment-store.js';
import { environmentStream } from '../events.js';
import type { Environment } from '../state.js';

export interface EnvironmentFilter {
  readonly status?: EnvironmentStatus;
  readonly driver?: EnvironmentDriver;
}

export interface EnvironmentPage {
  readonly environments: Environment[];
  /** Pass it as `afterId` for the environments after these; null when there are none. A page that is not full may have one too. */
  readonly nextAfterId: string | null;
}

/** Rows that are looked at for one page of what was, however few of them match: the next page goes on behind them. */
const LOOKED_AT = 1_000;

const OLDEST_FIRST = { createdAt: 'ASC', id: 'ASC' } as const;

/** A company's environments, oldest first, without deleted ones. */
export class ListEnvironments extends Query<EnvironmentPage> {
  /**
   * @param afterId only environments made after the one with this id, deleted or not; null: from the oldest.
   * @param at as they were at this position of the log; null: as they are
   */
  constructor(
    readonly companyId: string,
    readonly filter: EnvironmentFilter,
    readonly limit: number,
    readonly afterId: string | null,
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

  /** @throws LeaseholdError validation_failed for an `afterId` that is of no environment of the company */
  async execute({ companyId, filter, limit, afterId, minPosition, at }: ListEnvironments): Promise<EnvironmentPage> {
    await this.gate.reached(environmentProjection.name, at ?? minPosition);
    const after = await this.after(companyId, afterId);
    if (at !== null) return this.asOf(after, filter, limit, at);
    const rows = await this.rows.find({
      where: after.map((where) => ({ ...where, ...filter, deleted: false })),
      order: OLDEST_FIRST,
      take: limit + 1,
    });
    return pageOf(rows.map(environmentOf), limit);
  }

  /** Rows stay when their environments are deleted; what else they say may have been otherwise then. */
  private async asOf(
    after: FindOptionsWhere<EnvironmentRow>[],
    filter: EnvironmentFilter,
    limit: number,
    at: number,
  ): Promise<EnvironmentPage> {
    const rows = await this.rows.find({ where: after, order: OLDEST_FIRST, take: LOOKED_AT });
    const streams = rows.map(({ id }) => environmentStream(id));
    const stateOf = await this.store.environments.manyAsOf(streams, at);
    const found = streams.flatMap((stream) => {
      const state = stateOf(stream);
      return state.kind === 'present' && matches(state.environment, filter) ? [state.environment] : [];
    });
    const page = pageOf(found, limit);
    const last = rows.length === LOOKED_AT ? (rows.at(-1)?.id ?? null) : null;
    return page.nextAfterId === null ? { ...page, nextAfterId: last } : page;
  }

  /** Conditions for the company's rows behind a cursor; a row meets one of them. */
  private async after(companyId: string, id: string | null): Promise<FindOptionsWhere<EnvironmentRow>[]> {
    if (id === null) return [{ companyId }];
    const row = await this.rows.findOneBy({ companyId, id });
    if (!row) throw unknownCursor();
    const { createdAt } = row;
    return [
      { companyId, createdAt: MoreThan(createdAt) },
      { companyId, createdAt, id: MoreThan(id) },
    ];
  }
}

/** @param environments one more than fit where there are more */
function pageOf(environments: readonly Environment[], limit: number): EnvironmentPage {
  const page = environments.slice(0, limit);
  return { environments: page, nextAfterId: environments.length > limit ? (page.at(-1)?.id ?? null) : null };
}

function unknownCursor(): LeaseholdError {
  const message = 'must be a cursor from this service';
  return new LeaseholdError('validation_failed', `cursor ${message}.`, { errors: [{ field: 'cursor', message }] });
}

function matches({ status, driver }: Environment, filter: EnvironmentFilter): boolean {
  return (filter.status ?? status) === status && (filter.driver ?? driver) === driver;
}
