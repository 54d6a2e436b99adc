import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Max,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { IsFreeText, IsLine, IsUuid } from '../../../platform/http/index.js';

const URL_LENGTH = 2_048;
const DESCRIPTION_LENGTH = 2_000;
const MAX_TYPES = 100;
export const DEFAULT_OVERLAP_SECONDS = 86_400;
const MAX_OVERLAP_SECONDS = 2_592_000;

const UUID = { type: 'string', format: 'uuid', nullable: true } as const;
const DESCRIPTION = {
  type: 'string',
  nullable: true,
  maxLength: DESCRIPTION_LENGTH,
  description: 'May contain line breaks.',
} as const;
const URL_DOCS = {
  maxLength: URL_LENGTH,
  example: 'https://hooks.example.com/leasehold',
  description: 'http or https, without credentials. The company’s events show it, so it must not contain a secret.',
} as const;

export class WebhookFilterBody {
  @ApiPropertyOptional({ type: 'array', items: { type: 'string' }, nullable: true, description: 'Event types.' })
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_TYPES)
  @IsString({ each: true })
  type?: string[] | null;

  @ApiPropertyOptional({
    type: 'string',
    nullable: true,
    maxLength: 200,
    description: 'A stream, such as `lease-<id>`.',
  })
  @IsOptional()
  @IsLine(200)
  stream?: string | null;

  @ApiPropertyOptional({ ...UUID, description: 'The environment’s own events and those of its leases.' })
  @IsOptional()
  @IsUuid()
  environmentId?: string | null;

  @ApiPropertyOptional(UUID)
  @IsOptional()
  @IsUuid()
  leaseId?: string | null;

  @ApiPropertyOptional({ ...UUID, description: 'Events of the leases of this heartbeatRun.' })
  @IsOptional()
  @IsUuid()
  runId?: string | null;
}

export class CreateWebhookBody {
  @ApiProperty(URL_DOCS)
  @IsLine(URL_LENGTH)
  url!: string;

  @ApiPropertyOptional(DESCRIPTION)
  @IsOptional()
  @IsFreeText(DESCRIPTION_LENGTH)
  description?: string | null;

  @ApiPropertyOptional({ type: WebhookFilterBody, description: 'As in the feed. Absent: every event of the company.' })
  @ValidateIf((_body, value) => value !== undefined)
  @IsObject()
  @ValidateNested({ message: '$property must be an object' })
  @Type(() => WebhookFilterBody)
  filter?: WebhookFilterBody;
}

export class PatchWebhookBody {
  @ApiPropertyOptional(URL_DOCS)
  @ValidateIf((_body, value) => value !== undefined)
  @IsLine(URL_LENGTH)
  url?: string;

  @ApiPropertyOptional(DESCRIPTION)
  @IsOptional()
  @IsFreeText(DESCRIPTION_LENGTH)
  description?: string | null;

  @ApiPropertyOptional({ type: WebhookFilterBody, description: 'The whole new filter.' })
  @ValidateIf((_body, value) => value !== undefined)
  @IsObject()
  @ValidateNested({ message: '$property must be an object' })
  @Type(() => WebhookFilterBody)
  filter?: WebhookFilterBody;
}

export class RotateWebhookSecretBody {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: MAX_OVERLAP_SECONDS,
    default: DEFAULT_OVERLAP_SECONDS,
    description: 'How long the previous secret also signs deliveries. 0 ends all previous secrets at once.',
  })
  @ValidateIf((_body, value) => value !== undefined)
  @IsInt()
  @Min(0)
  @Max(MAX_OVERLAP_SECONDS)
  overlapSeconds?: number;
}

export class RedeliverBody {
  @ApiProperty({ type: 'integer', minimum: 1, description: 'The first log position to send again.' })
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  from!: number;
}

const LIMIT = { type: 'integer', minimum: 1, maximum: 500 } as const;

export class WebhooksQuery {
  @ApiPropertyOptional({ ...LIMIT, description: 'Maximum number of webhooks in the answer.' })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(500)
  limit?: number;

  @ApiPropertyOptional({ type: 'string', format: 'uuid', description: '`nextCursor` of the previous page.' })
  @IsOptional()
  @IsUuid()
  cursor?: string;
}

export class DeliveriesQuery {
  @ApiPropertyOptional({ ...LIMIT, description: 'Maximum number of deliveries in the answer.' })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(500)
  limit?: number;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, description: '`nextCursor` of the previous page.' })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  cursor?: number;
}
