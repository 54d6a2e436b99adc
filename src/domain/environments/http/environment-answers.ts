import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ENVIRONMENT_DRIVERS, type EnvironmentDriver } from '../../driver-contract/driver-names.js';
import {
  CORDONED_BY,
  ENVIRONMENT_STATUSES,
  ON_DEADLINE,
  type CordonedBy,
  type EnvironmentStatus,
  type OnDeadline,
} from '../environment-names.js';
import type { Cordon, Drain, Environment, JsonObject, Quarantine } from '../state.js';

class CordonAnswer implements Cordon {
  @ApiProperty({ enum: CORDONED_BY }) by!: CordonedBy;
  @ApiProperty({ type: 'string', format: 'date-time' }) since!: string;
  @ApiProperty({ type: 'string', nullable: true }) reason!: string | null;
}

class DrainAnswer implements Drain {
  @ApiProperty({ type: 'string', format: 'date-time' }) deadline!: string;
  @ApiProperty({ enum: ON_DEADLINE }) onDeadline!: OnDeadline;
  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description: 'When the last lease was gone; null: some are there.',
  })
  drainedAt!: string | null;
}

class QuarantineAnswer implements Quarantine {
  @ApiProperty({ description: 'Provisioning failures in a row.' }) failures!: number;
  @ApiProperty({ description: 'Of the last of them.' }) reasonCode!: string;
  @ApiProperty({ description: 'Since it began, none of which found it usable.' }) probes!: number;
  @ApiProperty({ description: 'It doubles with each probe.' }) waitSeconds!: number;
  @ApiProperty({ type: 'string', format: 'date-time' }) nextProbeAt!: string;
}

const UUID = { type: 'string', format: 'uuid' } as const;
const TIME = { type: 'string', format: 'date-time' } as const;

/** The OpenAPI schema of an environment. */
export class EnvironmentAnswer implements Environment {
  @ApiProperty(UUID) id!: string;
  @ApiProperty(UUID) companyId!: string;
  @ApiProperty() name!: string;
  @ApiProperty({ type: 'string', nullable: true }) description!: string | null;
  @ApiProperty({ enum: ENVIRONMENT_DRIVERS }) driver!: EnvironmentDriver;
  @ApiProperty({ enum: ENVIRONMENT_STATUSES }) status!: EnvironmentStatus;
  @ApiProperty({ type: 'object', additionalProperties: true }) config!: JsonObject;
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true }) metadata!: JsonObject | null;
  @ApiProperty({ description: 'Whether a command on one of its leases must send `X-Lease-Fence`.' })
  requireFence!: boolean;
  @ApiProperty({
    type: 'integer',
    description: 'A lease that is not active this many seconds after its request fails.',
  })
  provisioningTimeoutSeconds!: number;
  @ApiProperty({
    type: CordonAnswer,
    nullable: true,
    description: 'Why it takes no new leases. Null: it takes them.',
  })
  cordoned!: Cordon | null;
  @ApiProperty({ type: DrainAnswer, nullable: true, description: 'Null: it is not drained.' }) drain!: Drain | null;
  @ApiProperty({ type: QuarantineAnswer, nullable: true, description: 'Null: it is not quarantined.' })
  quarantine!: Quarantine | null;
  @ApiProperty(TIME) createdAt!: string;
  @ApiProperty(TIME) updatedAt!: string;
  @ApiProperty({ description: 'Grows with every change. Send it as `If-Match`.' }) version!: number;
  @ApiProperty({ description: 'Log position of its newest change.' }) position!: number;
  @ApiPropertyOptional({ description: 'Present, and true, if the caller may not manage environments.' })
  configRedacted?: boolean;
  @ApiPropertyOptional({ description: 'As `configRedacted`.' }) metadataRedacted?: boolean;
}

export const ENVIRONMENT_EXAMPLE: EnvironmentAnswer = {
  id: '019ab7a2-5d3e-7c41-8f60-2b9d7a1c4e05',
  companyId: '3f0c9a52-8a4e-4d0b-9a57-6f1e2d3c4b5a',
  name: 'Sandbox',
  description: null,
  driver: 'sandbox',
  status: 'active',
  config: { provider: 'fake', image: 'ubuntu:24.04', reuseLease: false },
  metadata: null,
  requireFence: false,
  provisioningTimeoutSeconds: 3600,
  cordoned: null,
  drain: null,
  quarantine: null,
  createdAt: '2026-11-23T11:35:00.120Z',
  updatedAt: '2026-11-23T11:35:00.120Z',
  version: 1,
  position: 812,
};

export const CORDONED_EXAMPLE: EnvironmentAnswer = {
  ...ENVIRONMENT_EXAMPLE,
  cordoned: { by: 'operator', since: '2026-11-23T12:10:00.000Z', reason: 'Disk replacement' },
  updatedAt: '2026-11-23T12:10:00.000Z',
  version: 2,
  position: 1011,
};

export const DRAINING_EXAMPLE: EnvironmentAnswer = {
  ...CORDONED_EXAMPLE,
  cordoned: { by: 'drain', since: '2026-11-23T12:10:00.000Z', reason: null },
  drain: { deadline: '2026-11-23T13:10:00.000Z', onDeadline: 'release', drainedAt: null },
};
