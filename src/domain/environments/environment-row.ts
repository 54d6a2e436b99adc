import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { isoTime, safeInteger } from '../../event-sourcing/projections/columns.js';
import type { EnvironmentDriver } from '../driver-contract/driver-names.js';
import type { EnvironmentStatus } from './environment-names.js';
import type { Cordon, Drain, JsonObject, Quarantine } from './state.js';

/** The read model of environments: a row each, deleted ones too, whose leases are still looked at. */
@Entity('environments')
@Index(['companyId', 'createdAt'])
@Index(['id'], { where: 'draining' })
@Index(['nextProbeAt'], { where: 'next_probe_at IS NOT NULL' })
export class EnvironmentRow {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'company_id' })
  companyId!: string;

  @Column('text')
  name!: string;

  @Column('text', { nullable: true })
  description!: string | null;

  @Column('text')
  driver!: EnvironmentDriver;

  @Column('text')
  status!: EnvironmentStatus;

  @Column('jsonb')
  config!: JsonObject;

  @Column('jsonb', { nullable: true })
  metadata!: JsonObject | null;

  @Column('boolean', { name: 'require_fence' })
  requireFence!: boolean;

  @Column('integer', { name: 'provisioning_timeout_seconds' })
  provisioningTimeoutSeconds!: number;

  @Column('jsonb', { nullable: true })
  cordoned!: Cordon | null;

  @Column('jsonb', { nullable: true })
  drain!: Drain | null;

  @Column('jsonb', { nullable: true })
  quarantine!: Quarantine | null;

  /** Of a quarantined one: it is what the watch over them looks for. */
  @Column('timestamptz', { name: 'next_probe_at', nullable: true, transformer: isoTime })
  nextProbeAt!: string | null;

  /** Whether there is something to be waited for: it is what the drain timer looks for. */
  @Column('boolean')
  draining!: boolean;

  @Column('boolean')
  deleted!: boolean;

  @Column('timestamptz', { name: 'created_at', transformer: isoTime })
  createdAt!: string;

  @Column('timestamptz', { name: 'updated_at', transformer: isoTime })
  updatedAt!: string;

  @Column('integer')
  version!: number;

  @Column('bigint', { transformer: safeInteger })
  position!: number;
}
