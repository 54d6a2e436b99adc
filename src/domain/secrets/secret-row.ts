import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { isoTime, safeInteger } from '../../event-sourcing/projections/columns.js';
import type { MadeFor } from './state.js';

/** The read model of secrets: a row for each that is not deleted. No values. */
@Entity('secrets')
@Index(['companyId', 'id'])
export class SecretRow {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'company_id' })
  companyId!: string;

  @Column('text')
  name!: string;

  @Column('integer', { name: 'latest_version' })
  latestVersion!: number;

  @Column('jsonb', { name: 'made_for', nullable: true })
  madeFor!: MadeFor | null;

  @Column('jsonb', { name: 'environment_ids' })
  environmentIds!: readonly string[];

  @Column('timestamptz', { name: 'created_at', transformer: isoTime })
  createdAt!: string;

  @Column('timestamptz', { name: 'updated_at', transformer: isoTime })
  updatedAt!: string;

  @Column('integer')
  version!: number;

  @Column('bigint', { transformer: safeInteger })
  position!: number;
}
