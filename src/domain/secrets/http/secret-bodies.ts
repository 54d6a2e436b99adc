import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Length, Max, Min } from 'class-validator';
import { IsName, IsUuid } from '../../../platform/http/index.js';

const NAME_LENGTH = 200;
const VALUE_LENGTH = 65_536;

const VALUE = {
  minLength: 1,
  maxLength: VALUE_LENGTH,
  writeOnly: true,
  description: 'No answer contains it.',
} as const;

export class CreateSecretBody {
  @ApiProperty({ minLength: 1, maxLength: NAME_LENGTH, description: 'For people. It need not be unique.' })
  @IsName(NAME_LENGTH)
  name!: string;

  @ApiProperty(VALUE)
  @IsString()
  @Length(1, VALUE_LENGTH)
  value!: string;
}

export class RotateSecretBody {
  @ApiProperty(VALUE)
  @IsString()
  @Length(1, VALUE_LENGTH)
  value!: string;
}

export class SecretsQuery {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: 500,
    description: 'Maximum number of secrets in the answer.',
  })
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
