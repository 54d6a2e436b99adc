import { ApiPropertyOptional, type ApiPropertyOptions } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsOptional, IsString, Matches, Max, Min } from 'class-validator';
import { AtQuery, IsFreeText, IsJsonObject, IsUuid } from '../../../platform/http/index.js';
import { usualNoticeSeconds } from '../deadline.js';
import {
  ADAPTER_TYPES,
  CLEANUP_STATUSES,
  LEASE_POLICIES,
  LEASE_STATUSES,
  RELEASE_OUTCOMES,
  WORKSPACE_MODES,
  type AdapterType,
  type CleanupStatus,
  type LeasePolicy,
  type LeaseStatus,
  type ReleaseOutcomeName,
  type WorkspaceMode,
} from '../lease-names.js';
import type { JsonObject, LeaseTerms } from '../state.js';

const MAX_TTL_SECONDS = 31_536_000;
const MAX_PRIORITY = 100;
const REASON_LENGTH = 2_000;
const UUID = { type: 'string', format: 'uuid', nullable: true } as const;
const seconds = (description: string, minimum = 1): ApiPropertyOptions => ({
  type: 'integer',
  minimum,
  maximum: MAX_TTL_SECONDS,
  nullable: true,
  description,
});

export class AcquireLeaseBody {
  @ApiPropertyOptional({ ...UUID, description: 'Absent: the company’s local environment, created on first use.' })
  @IsOptional()
  @IsUuid()
  environmentId?: string | null;

  @ApiPropertyOptional({ ...UUID, description: 'The run that holds the lease.' })
  @IsOptional()
  @IsUuid()
  heartbeatRunId?: string | null;

  @ApiPropertyOptional(UUID)
  @IsOptional()
  @IsUuid()
  issueId?: string | null;

  @ApiPropertyOptional(UUID)
  @IsOptional()
  @IsUuid()
  agentId?: string | null;

  @ApiPropertyOptional({ enum: ADAPTER_TYPES, nullable: true })
  @IsOptional()
  @IsIn(ADAPTER_TYPES)
  adapterType?: AdapterType | null;

  @ApiPropertyOptional(UUID)
  @IsOptional()
  @IsUuid()
  executionWorkspaceId?: string | null;

  @ApiPropertyOptional({ enum: WORKSPACE_MODES, nullable: true })
  @IsOptional()
  @IsIn(WORKSPACE_MODES)
  executionWorkspaceMode?: WorkspaceMode | null;

  @ApiPropertyOptional({ enum: LEASE_POLICIES, default: 'ephemeral' })
  @IsOptional()
  @IsIn(LEASE_POLICIES)
  leasePolicy?: LeasePolicy | null;

  @ApiPropertyOptional(seconds('Seconds from activation until it expires. Absent: it does not.'))
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_TTL_SECONDS)
  ttlSeconds?: number | null;

  @ApiPropertyOptional(seconds('Seconds from its last use until it expires. Running commands and syncs are use.'))
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_TTL_SECONDS)
  idleTtlSeconds?: number | null;

  @ApiPropertyOptional(seconds('Seconds from activation until it expires, however it is used or renewed.'))
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_TTL_SECONDS)
  maxTtlSeconds?: number | null;

  @ApiPropertyOptional(
    seconds(
      'Seconds before `expiresAt` at which the event `LeaseExpiring` is recorded; 0: never. Absent: 60, or half of the shortest limit where that is less.',
      0,
    ),
  )
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(MAX_TTL_SECONDS)
  expiryNoticeSeconds?: number | null;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: MAX_PRIORITY,
    default: 0,
    description: 'Higher priorities go first.',
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(MAX_PRIORITY)
  priority?: number | null;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    description: 'Free-form metadata, except for names that the service or the driver sets, such as `driver`.',
  })
  @IsOptional()
  @IsJsonObject()
  metadata?: JsonObject | null;

  @ApiPropertyOptional({
    type: 'boolean',
    nullable: true,
    default: false,
    description: 'Acquire even if the environment is cordoned. Requires `environments:manage`.',
  })
  @IsOptional()
  @IsBoolean()
  allowCordoned?: boolean | null;
}

export class RenewBody {
  @ApiPropertyOptional(
    seconds(
      'Seconds from now until it expires. Absent: the lease’s own `ttlSeconds`. Its end never comes earlier by it.',
    ),
  )
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_TTL_SECONDS)
  ttlSeconds?: number | null;
}

export class ReleaseBody {
  @ApiPropertyOptional({ enum: RELEASE_OUTCOMES, default: 'released' })
  @IsOptional()
  @IsIn(RELEASE_OUTCOMES)
  status?: ReleaseOutcomeName | null;

  @ApiPropertyOptional({
    type: 'string',
    nullable: true,
    maxLength: REASON_LENGTH,
    description: 'May contain line breaks.',
  })
  @IsOptional()
  @IsFreeText(REASON_LENGTH)
  failureReason?: string | null;
}

type Limits = Pick<LeaseTerms, 'ttlSeconds' | 'idleTtlSeconds' | 'maxTtlSeconds' | 'expiryNoticeSeconds'>;

/** By what a lease ends by itself, and when its holder is told of that. */
export function limitsOf(body: { readonly [Name in keyof Limits]?: Limits[Name] | null }): Limits {
  const { ttlSeconds = null, idleTtlSeconds = null, maxTtlSeconds = null, expiryNoticeSeconds } = body;
  const usual = usualNoticeSeconds([ttlSeconds, idleTtlSeconds, maxTtlSeconds]);
  return { ttlSeconds, idleTtlSeconds, maxTtlSeconds, expiryNoticeSeconds: expiryNoticeSeconds ?? usual };
}

const asArray = ({ value }: { value: unknown }): unknown =>
  value === undefined || Array.isArray(value) ? value : [value];

const asBoolean = ({ value }: { value: unknown }): unknown =>
  value === 'true' ? true : value === 'false' ? false : value;

class PageQuery extends AtQuery {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: 500,
    description: 'Maximum number of leases in the answer.',
  })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(500)
  limit?: number;

  @ApiPropertyOptional({ description: '`nextCursor` of the previous page.' })
  @IsOptional()
  @IsString()
  @Matches(/^[1-9]\d{0,15}$/, { message: '$property must be a cursor from this service' })
  cursor?: string;

  @ApiPropertyOptional({ enum: LEASE_STATUSES, isArray: true, description: 'Repeatable.' })
  @IsOptional()
  @Transform(asArray)
  @IsIn(LEASE_STATUSES, { each: true })
  status?: LeaseStatus[];
}

export class EnvironmentLeasesQuery extends PageQuery {}

export class LeaseFilterQuery extends PageQuery {
  @ApiPropertyOptional({ enum: CLEANUP_STATUSES, isArray: true, description: 'May be repeated.' })
  @IsOptional()
  @Transform(asArray)
  @IsIn(CLEANUP_STATUSES, { each: true })
  cleanupStatus?: CleanupStatus[];

  @ApiPropertyOptional({ type: 'boolean', description: 'Whether an operator wrote the cleanup off.' })
  @IsOptional()
  @Transform(asBoolean)
  @IsBoolean()
  cleanupWrittenOff?: boolean;

  @ApiPropertyOptional({ type: 'string', format: 'uuid' })
  @IsOptional()
  @IsUuid()
  environmentId?: string;

  @ApiPropertyOptional({ type: 'string', format: 'uuid' })
  @IsOptional()
  @IsUuid()
  heartbeatRunId?: string;

  @ApiPropertyOptional({ type: 'string', format: 'uuid' })
  @IsOptional()
  @IsUuid()
  issueId?: string;

  @ApiPropertyOptional({ type: 'string', format: 'uuid' })
  @IsOptional()
  @IsUuid()
  executionWorkspaceId?: string;
}
