import { ApiProperty } from '@nestjs/swagger';
import { ENVIRONMENT_EXAMPLE, EnvironmentAnswer } from '../../environments/http/environment-answers.js';
import type { ReleaseError } from '../commands/release-run-leases.js';
import {
  CLEANUP_STATUSES,
  LEASE_POLICIES,
  LEASE_STATUSES,
  REASON_CODES,
  REJECTION_REASONS,
  WORKSPACE_MODES,
  type CleanupStatus,
  type LeasePolicy,
  type LeaseStatus,
  type ReasonCode,
  type RejectionReason,
  type WorkspaceMode,
} from '../lease-names.js';
import type { LeaseJson } from '../lease-json.js';
import { FAILURE_CLASSES } from '../../driver-contract/driver-names.js';
import type { EffectFailure, JsonObject, Rejection } from '../state.js';

const UUID = { type: 'string', format: 'uuid' } as const;
const UUID_OR_NULL = { ...UUID, nullable: true } as const;
const TEXT_OR_NULL = { type: 'string', nullable: true } as const;
const TIME = { type: 'string', format: 'date-time' } as const;
const TIME_OR_NULL = { ...TIME, nullable: true } as const;

export class RejectionAnswer implements Rejection {
  @ApiProperty(UUID) leaseId!: string;
  @ApiProperty({ enum: REJECTION_REASONS }) reasonCode!: RejectionReason;
  @ApiProperty({ type: [String], description: 'The fields that differed, such as `config.image`.' })
  fields!: readonly string[];
}

/** The OpenAPI schema of a lease. */
export class LeaseAnswer implements LeaseJson {
  @ApiProperty(UUID) id!: string;
  @ApiProperty(UUID) companyId!: string;
  @ApiProperty(UUID) environmentId!: string;
  @ApiProperty(UUID_OR_NULL) executionWorkspaceId!: string | null;
  @ApiProperty(UUID_OR_NULL) issueId!: string | null;
  @ApiProperty(UUID_OR_NULL) heartbeatRunId!: string | null;
  @ApiProperty({ enum: LEASE_STATUSES }) status!: LeaseStatus;
  @ApiProperty({ enum: LEASE_POLICIES }) leasePolicy!: LeasePolicy;
  @ApiProperty(TEXT_OR_NULL) provider!: string | null;
  @ApiProperty({ ...TEXT_OR_NULL, description: 'The provider’s id for what it provided.' })
  providerLeaseId!: string | null;
  @ApiProperty(TIME_OR_NULL) acquiredAt!: string | null;
  @ApiProperty(TIME_OR_NULL) lastUsedAt!: string | null;
  @ApiProperty({
    ...TIME_OR_NULL,
    description: 'The earliest of its limits. The lease does not end before, unless it is released.',
  })
  expiresAt!: string | null;
  @ApiProperty({ ...TIME_OR_NULL, description: 'Null for a retained lease.' }) releasedAt!: string | null;
  @ApiProperty(TEXT_OR_NULL) failureReason!: string | null;
  @ApiProperty({ enum: CLEANUP_STATUSES, nullable: true }) cleanupStatus!: CleanupStatus | null;
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'Always contains `driver` and `executionWorkspaceMode`.',
  })
  metadata!: JsonObject;
  @ApiProperty(TIME) createdAt!: string;
  @ApiProperty(TIME) updatedAt!: string;
  @ApiProperty(UUID_OR_NULL) agentId!: string | null;
  @ApiProperty({ description: 'Newer leases have higher fences. A holder with a lower fence is refused.' })
  fence!: number;
  @ApiProperty({ enum: REASON_CODES, nullable: true }) reasonCode!: ReasonCode | null;
  @ApiProperty({
    type: 'object',
    nullable: true,
    description: 'The failure of the last provisioning or cleanup attempt, until an attempt succeeds.',
    properties: {
      failureClass: { type: 'string', enum: [...FAILURE_CLASSES] },
      reasonCode: { type: 'string', enum: [...REASON_CODES] },
      failureReason: { type: 'string' },
    },
  })
  lastFailure!: EffectFailure | null;
  @ApiProperty({
    ...TIME_OR_NULL,
    description: 'Until then, a sandbox that a lost attempt created may still appear at the provider. Null: none can.',
  })
  inDoubtUntil!: string | null;
  @ApiProperty({ ...TIME_OR_NULL, description: 'Its sandbox is kept until then after its end.' })
  keptUntil!: string | null;
  @ApiProperty({ description: '`LeaseExpiring` is recorded so many seconds before `expiresAt`. 0: never.' })
  expiryNoticeSeconds!: number;
  @ApiProperty({ ...UUID_OR_NULL, description: 'The ended lease whose sandbox it took over.' }) reusedLeaseId!:
    string | null;
  @ApiProperty({ type: [RejectionAnswer], description: 'Ended leases whose sandboxes were not reused, and why.' })
  reuseRejected!: readonly RejectionAnswer[];
  @ApiProperty() version!: number;
  @ApiProperty({ description: 'Log position of its newest event.' }) position!: number;
}

export class LeaseContextAnswer {
  @ApiProperty(UUID_OR_NULL) executionWorkspaceId!: string | null;
  @ApiProperty({ enum: WORKSPACE_MODES, nullable: true }) executionWorkspaceMode!: WorkspaceMode | null;
}

export class AcquireLeaseAnswer {
  @ApiProperty({ type: EnvironmentAnswer }) environment!: EnvironmentAnswer;
  @ApiProperty({ type: LeaseAnswer }) lease!: LeaseAnswer;
  @ApiProperty({ type: LeaseContextAnswer }) leaseContext!: LeaseContextAnswer;
  @ApiProperty({ description: 'Log position of the command’s last event.' }) position!: number;
}

export class RenewedLeaseAnswer {
  @ApiProperty({ type: LeaseAnswer }) lease!: LeaseAnswer;
  @ApiProperty({ description: 'Log position that the lease is as of.' }) position!: number;
}

export class ReleasedLeaseAnswer {
  @ApiProperty({ type: EnvironmentAnswer }) environment!: EnvironmentAnswer;
  @ApiProperty({ type: LeaseAnswer }) lease!: LeaseAnswer;
}

export class ReleaseErrorAnswer implements ReleaseError {
  @ApiProperty(UUID) leaseId!: string;
  @ApiProperty({ type: 'string' }) code!: ReleaseError['code'];
  @ApiProperty() detail!: string;
}

export class ReleaseRunLeasesAnswer {
  @ApiProperty({ type: [ReleasedLeaseAnswer] }) released!: ReleasedLeaseAnswer[];
  @ApiProperty({ type: [ReleaseErrorAnswer] }) errors!: ReleaseErrorAnswer[];
  @ApiProperty() position!: number;
}

export class LeasePageAnswer {
  @ApiProperty({ type: [LeaseAnswer] }) items!: LeaseAnswer[];
  @ApiProperty({ ...TEXT_OR_NULL, description: 'Send it as `cursor` for the next page. Null on the last page.' })
  nextCursor!: string | null;
}

export const LEASE_EXAMPLE: LeaseAnswer = {
  id: '019ab7a3-0c1d-7f52-9a41-8e2b6c5d4f30',
  companyId: ENVIRONMENT_EXAMPLE.companyId,
  environmentId: ENVIRONMENT_EXAMPLE.id,
  executionWorkspaceId: null,
  issueId: null,
  heartbeatRunId: '7d9e1c52-3b6a-4f0e-8c21-5a4b3c2d1e0f',
  status: 'active',
  leasePolicy: 'ephemeral',
  provider: 'fake',
  providerLeaseId: 'sandbox://fake/7d9e1c52-3b6a-4f0e-8c21-5a4b3c2d1e0f/019ab7a3-0c1d-7f52-9a41-92f1b0a7c6d8',
  acquiredAt: '2026-11-23T11:36:10.004Z',
  lastUsedAt: '2026-11-23T11:36:10.004Z',
  expiresAt: '2026-11-23T12:36:10.003Z',
  releasedAt: null,
  failureReason: null,
  cleanupStatus: null,
  metadata: {
    provider: 'fake',
    image: 'ubuntu:24.04',
    reuseLease: false,
    driver: 'sandbox',
    executionWorkspaceMode: null,
  },
  createdAt: '2026-11-23T11:36:10.004Z',
  updatedAt: '2026-11-23T11:36:10.004Z',
  agentId: null,
  fence: 813,
  reasonCode: null,
  lastFailure: null,
  inDoubtUntil: null,
  keptUntil: null,
  expiryNoticeSeconds: 60,
  reusedLeaseId: null,
  reuseRejected: [],
  version: 2,
  position: 814,
};

export const ACQUIRED_EXAMPLE = {
  environment: ENVIRONMENT_EXAMPLE,
  lease: LEASE_EXAMPLE,
  leaseContext: { executionWorkspaceId: null, executionWorkspaceMode: null },
  position: LEASE_EXAMPLE.position,
};

export const RELEASED_LEASE_EXAMPLE: LeaseAnswer = {
  ...LEASE_EXAMPLE,
  status: 'released',
  releasedAt: '2026-11-23T11:40:02.517Z',
  cleanupStatus: 'success',
  updatedAt: '2026-11-23T11:40:02.517Z',
  reasonCode: 'released_by_caller',
  version: 5,
  position: 817,
};

export const QUEUED_LEASE_EXAMPLE: LeaseAnswer = {
  ...LEASE_EXAMPLE,
  status: 'queued',
  providerLeaseId: null,
  acquiredAt: null,
  lastUsedAt: null,
  expiresAt: null,
  metadata: { driver: 'ssh', executionWorkspaceMode: null },
};
