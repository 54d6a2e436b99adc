import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsOptional, Max, Min, ValidateIf } from 'class-validator';
import { AtQuery, IsFreeText, IsJsonObject, IsName, IsUuid } from '../../../platform/http/index.js';
import { ENVIRONMENT_DRIVERS, type EnvironmentDriver } from '../../driver-contract/driver-names.js';
import { FOR_LEASES } from '../decide.js';
import { ENVIRONMENT_STATUSES, type EnvironmentStatus } from '../environment-names.js';
import type { JsonObject } from '../state.js';

const NAME_LENGTH = 200;
const DESCRIPTION_LENGTH = 2_000;
const DESCRIPTION = {
  type: 'string',
  nullable: true,
  maxLength: DESCRIPTION_LENGTH,
  description: 'May contain line breaks.',
} as const;

const CONFIG = {
  type: 'object',
  additionalProperties: true,
  description:
    'The driver’s settings. Unknown keys are refused. `local`: anything. `sandbox`: `provider` and its settings. ' +
    '`ssh`: `host`, `username`, `remoteWorkspacePath`, `privateKey`, `knownHosts`, and more: see docs/guides/ssh-hosts.md. ' +
    'A value in a secret field, such as `privateKey`, is stored as a secret: the config then has null there, and beside it ' +
    'a reference, such as `privateKeySecretRef`.',
} as const;
const METADATA = {
  type: 'object',
  additionalProperties: true,
  nullable: true,
  description: 'Free-form metadata.',
} as const;

const MAX_PROVISIONING_SECONDS = 86_400;
const REQUIRE_FENCE = {
  type: 'boolean',
  description: 'A command on one of its leases must send `X-Lease-Fence`; without it the answer is 428.',
} as const;
const PROVISIONING_TIMEOUT = {
  type: 'integer',
  minimum: 1,
  maximum: MAX_PROVISIONING_SECONDS,
  description: 'A lease that is not active this many seconds after its request fails (`provisioning_timeout`).',
} as const;

export const SSH_HOST_EXAMPLE = {
  name: 'Build host',
  driver: 'ssh',
  config: {
    host: '10.20.0.7',
    username: 'build',
    remoteWorkspacePath: '/srv/work',
    privateKey: '-----BEGIN OPENSSH PRIVATE KEY-----\n…',
    passphrase: 'of the private key, if it is encrypted',
    knownHosts: '10.20.0.7 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICA5qtI+szWIyNfZhl2xHJvdq53XBZlgftYoA10BCfFB',
    jumpHost: {
      host: 'bastion.example',
      username: 'jump',
      knownHosts: 'bastion.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICA5qtI+szWIyNfZhl2xHJvdq53XBZlgftYoA10BCfFB',
    },
  },
};

export class CreateEnvironmentBody {
  @ApiProperty({ minLength: 1, maxLength: NAME_LENGTH })
  @IsName(NAME_LENGTH)
  name!: string;

  @ApiPropertyOptional(DESCRIPTION)
  @IsOptional()
  @IsFreeText(DESCRIPTION_LENGTH)
  description?: string | null;

  @ApiProperty({ enum: ENVIRONMENT_DRIVERS })
  @IsIn(ENVIRONMENT_DRIVERS)
  driver!: EnvironmentDriver;

  @ApiPropertyOptional(CONFIG)
  @ValidateIf((_body, value) => value !== undefined)
  @IsJsonObject()
  config?: JsonObject;

  @ApiPropertyOptional(METADATA)
  @IsOptional()
  @IsJsonObject()
  metadata?: JsonObject | null;

  @ApiPropertyOptional({ ...REQUIRE_FENCE, default: FOR_LEASES.requireFence })
  @ValidateIf((_body, value) => value !== undefined)
  @IsBoolean()
  requireFence?: boolean;

  @ApiPropertyOptional({ ...PROVISIONING_TIMEOUT, default: FOR_LEASES.provisioningTimeoutSeconds })
  @ValidateIf((_body, value) => value !== undefined)
  @IsInt()
  @Min(1)
  @Max(MAX_PROVISIONING_SECONDS)
  provisioningTimeoutSeconds?: number;
}

export class PatchEnvironmentBody {
  @ApiPropertyOptional({ minLength: 1, maxLength: NAME_LENGTH })
  @ValidateIf((_body, value) => value !== undefined)
  @IsName(NAME_LENGTH)
  name?: string;

  @ApiPropertyOptional(DESCRIPTION)
  @IsOptional()
  @IsFreeText(DESCRIPTION_LENGTH)
  description?: string | null;

  @ApiPropertyOptional({ enum: ENVIRONMENT_DRIVERS })
  @ValidateIf((_body, value) => value !== undefined)
  @IsIn(ENVIRONMENT_DRIVERS)
  driver?: EnvironmentDriver;

  @ApiPropertyOptional({ enum: ENVIRONMENT_STATUSES, description: '`archived`: no new leases.' })
  @ValidateIf((_body, value) => value !== undefined)
  @IsIn(ENVIRONMENT_STATUSES)
  status?: EnvironmentStatus;

  @ApiPropertyOptional({
    ...CONFIG,
    description: 'Merged into the current config. If the driver changes, it is the whole new config.',
  })
  @ValidateIf((_body, value) => value !== undefined)
  @IsJsonObject()
  config?: JsonObject;

  @ApiPropertyOptional(METADATA)
  @IsOptional()
  @IsJsonObject()
  metadata?: JsonObject | null;

  @ApiPropertyOptional(REQUIRE_FENCE)
  @ValidateIf((_body, value) => value !== undefined)
  @IsBoolean()
  requireFence?: boolean;

  @ApiPropertyOptional(PROVISIONING_TIMEOUT)
  @ValidateIf((_body, value) => value !== undefined)
  @IsInt()
  @Min(1)
  @Max(MAX_PROVISIONING_SECONDS)
  provisioningTimeoutSeconds?: number;
}

export class EnvironmentFilterQuery extends AtQuery {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: 500,
    description: 'Maximum number of environments in the answer.',
  })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(500)
  limit?: number;

  @ApiPropertyOptional({ type: 'string', format: 'uuid', description: 'From the `Link` header of the previous page.' })
  @IsOptional()
  @IsUuid()
  cursor?: string;

  @ApiPropertyOptional({ enum: ENVIRONMENT_STATUSES })
  @IsOptional()
  @IsIn(ENVIRONMENT_STATUSES)
  status?: EnvironmentStatus;

  @ApiPropertyOptional({ enum: ENVIRONMENT_DRIVERS })
  @IsOptional()
  @IsIn(ENVIRONMENT_DRIVERS)
  driver?: EnvironmentDriver;
}
