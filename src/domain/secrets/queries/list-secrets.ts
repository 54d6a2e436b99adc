import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { InjectRepository } from '@nestjs/typeorm';
import { LessThan, Repository } from 'typeorm';
import { ReadModelGate } from '../../../event-sourcing/read-models/read-model-gate.js';
import { secretProjection } from '../secret-projection.js';
import { SecretRow } from '../secret-row.js';
import type { Secret } from '../state.js';

export interface SecretPage {
  readonly secrets: Secret[];
  /** Pass it as `beforeId` for the secrets after these; null when there are none. */
  readonly nextBeforeId: string | null;
}

/** A company's secrets, newest first, without deleted ones. */
export class ListSecrets extends Query<SecretPage> {
  /** @param beforeId only secrets made before the one with this id; null: from the newest. */
  constructor(
    readonly companyId: string,
    readonly limit: number,
    readonly beforeId: string | null,
    readonly minPosition: number | null,
  ) {
    super();
  }
}

@QueryHandler(ListSecrets)
export class ListSecretsHandler implements IQueryHandler<ListSecrets> {
  constructor(
    @InjectRepository(SecretRow) private readonly rows: Repository<SecretRow>,
    private readonly gate: ReadModelGate,
  ) {}

  async execute({ companyId, limit, beforeId, minPosition }: ListSecrets): Promise<SecretPage> {
    await this.gate.reached(secretProjection.name, minPosition);
    const rows = await this.rows.find({
      where: { companyId, ...(beforeId !== null && { id: LessThan(beforeId) }) },
      // Ids are UUIDv7: they grow with the time that they were made.
      order: { id: 'DESC' },
      take: limit + 1,
    });
    const secrets = rows.slice(0, limit);
    return { secrets, nextBeforeId: rows.length > limit ? (secrets.at(-1)?.id ?? null) : null };
  }
}
