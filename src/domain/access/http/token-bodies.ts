import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsIn, IsOptional, Matches, ValidateIf } from 'class-validator';
import { IsName, IsTime, isUuid, PERMISSIONS, type Permission } from '../../../platform/http/index.js';

const NAME_LENGTH = 200;
const MAX_COMPANIES = 1_000;
const UUID_PATTERN = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function lowerCased(): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      Array.isArray(value) ? value.map((one: unknown) => (isUuid(one) ? one.toLowerCase() : one)) : value,
    ),
  );
}

export class CreateTokenBody {
  @ApiProperty({ minLength: 1, maxLength: NAME_LENGTH, description: 'For people.' })
  @IsName(NAME_LENGTH)
  name!: string;

  @ApiProperty({
    type: 'array',
    items: { type: 'string', format: 'uuid' },
    nullable: true,
    description: 'The companies that it may act for. Null: every company. Required.',
  })
  @ValidateIf((_body, value) => value !== null)
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_COMPANIES)
  @lowerCased()
  @Matches(UUID_PATTERN, { each: true, message: '$property must be UUIDs, or null for every company' })
  companies!: string[] | null;

  @ApiProperty({ type: 'array', items: { type: 'string', enum: [...PERMISSIONS] } })
  @IsArray()
  @ArrayMaxSize(PERMISSIONS.length)
  @IsIn(PERMISSIONS, { each: true })
  permissions!: Permission[];

  @ApiPropertyOptional({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description: 'Null: it never expires.',
  })
  @IsOptional()
  @IsTime()
  expiresAt?: string | null;
}
