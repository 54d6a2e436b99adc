import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { isoTime, safeInteger } from '../../event-sourcing/projections/columns.js';
import type { CleanupStatus, LeaseStatus } from './lease-names.js';
import type { Lease } from './state.js';

/** The read model of leases: a row each, with columns for what leases are asked for by, and the whole lease. */
@Entity('leases')
@Index(['companyId', 'fence'])
@Index(['environmentId', 'fence'])
@Index(['heartbeatRunId', 'fence'])
@Index(['companyId', 'status', 'fence'])
@Index(['environmentId', 'status', 'fence'])
@Index(['issueId', 'fence'], { where: 'issue_id IS NOT NULL' })
@Index(['executionWorkspaceId', 'fence'], { where: 'execution_workspace_id IS NOT NULL' })
@Index(['companyId', 'cleanupStatus', 'fence'], { where: 'cleanup_status IS NOT NULL' })
@Index(['dueAt'], { where: 'due_at IS NOT NULL' })
@Index(['fence'], { where: 'effect_id IS NOT NULL' })
@Index(['fence'], { where: 'in_doubt' })
export class LeaseRow {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'company_id' })
  companyId!: string;

  @Column('uuid', { name: 'environment_id' })
  environmentId!: string;

  @Column('uuid', { name: 'heartbeat_run_id', nullable: true })
  heartbeatRunId!: string | null;

  @Column('uuid', { name: 'issue_id', nullable: true })
  issueId!: string | null;

  @Column('uuid', { name: 'execution_workspace_id', nullable: true })
  executionWorkspaceId!: string | null;

  @Column('text')
  status!: LeaseStatus;

  @Column('text', { name: 'cleanup_status', nullable: true })
  cleanupStatus!: CleanupStatus | null;

  @Column('boolean', { name: 'cleanup_written_off' })
  cleanupWrittenOff!: boolean;

  /**
   * When an active lease is told of its end or ends, one that is not active yet fails, or what an ended one keeps is taken down: it is what the expiry timer
   * looks for.
   */
  @Column('timestamptz', { name: 'due_at', nullable: true, transformer: isoTime })
  dueAt!: string | null;

  /** Of the effect that is asked for and not settled: it is what a queue that has lost it is filled from. */
  @Column('uuid', { name: 'effect_id', nullable: true })
  effectId!: string | null;

  /** Whether what a lost attempt has made is still looked for. */
  @Column('boolean', { name: 'in_doubt' })
  inDoubt!: boolean;

  /** Lists are in its order, newest first: it is unique and never changes. */
  @Column('bigint', { transformer: safeInteger })
  fence!: number;

  /** `json`, not `jsonb`: it is only ever read as a whole, and keeping the text costs the least. */
  @Column('json')
  lease!: Lease;
}
