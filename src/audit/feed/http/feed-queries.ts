import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import { IsLine, IsUuid } from '../../../platform/http/index.js';
import type { FeedEvent } from '../event-frames.js';

const UUID = { type: 'string', format: 'uuid' } as const;

export class FeedQuery {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    description: 'Only events after this log position: `nextCursor` of the previous page.',
  })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  after?: number;

  @ApiPropertyOptional({ isArray: true, type: 'string', description: 'Event types. Repeatable.' })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (Array.isArray(value) ? (value as unknown[]) : [value]))
  @IsString({ each: true })
  type?: string[];

  @ApiPropertyOptional({ type: 'string', maxLength: 200, description: 'A stream, such as `lease-<id>`.' })
  @IsOptional()
  @IsLine(200)
  stream?: string;

  @ApiPropertyOptional({ ...UUID, description: 'The environment’s own events and those of its leases.' })
  @IsOptional()
  @IsUuid()
  environmentId?: string;

  @ApiPropertyOptional(UUID)
  @IsOptional()
  @IsUuid()
  leaseId?: string;

  @ApiPropertyOptional({ ...UUID, description: 'Events of the leases of this heartbeatRun.' })
  @IsOptional()
  @IsUuid()
  runId?: string;
}

export class FeedPageQuery extends FeedQuery {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: 1000,
    default: 100,
    description: 'Maximum number of events in the answer.',
  })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1000)
  limit?: number;
}

export class FeedPageAnswer {
  @ApiProperty({ type: 'array', items: { $ref: '#/components/schemas/Event' } })
  items!: FeedEvent[];

  @ApiProperty({
    description: 'The log position that this page reaches. Send it as `after` of the next request. Never null.',
  })
  nextCursor!: string;
}
