import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Max, Min, registerDecorator } from 'class-validator';
import { parseSeal, type Seal } from '../seal.js';

const POSITION = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER, nullable: true } as const;

export class VerifyBody {
  @ApiPropertyOptional({ ...POSITION, description: 'A log position. Absent: the first one.' })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  from?: number | null;

  @ApiPropertyOptional({ ...POSITION, description: 'A log position. Absent: the newest one.' })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  to?: number | null;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    description: '`seal` of an earlier head.',
  })
  @IsOptional()
  @IsSeal()
  knownHead?: Seal | null;
}

export class ExportQuery {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    description: 'The first event. The export starts with the whole seal that contains it.',
  })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  from?: number | null;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    description: 'The last event. The export ends with the whole seal that contains it.',
  })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  to?: number | null;
}

function IsSeal(): PropertyDecorator {
  return (target, key) =>
    registerDecorator({
      name: 'isSeal',
      target: target.constructor,
      propertyName: key.toString(),
      validator: {
        validate: isSeal,
        defaultMessage: () => '$property must be a seal from /api/audit/head',
      },
    });
}

function isSeal(value: unknown): boolean {
  try {
    parseSeal(value);
    return true;
  } catch {
    return false;
  }
}
