import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional } from 'class-validator';
import { IsFreeText } from '../../../platform/http/index.js';

const REASON_LENGTH = 500;

export class CordonBody {
  @ApiPropertyOptional({
    type: 'string',
    nullable: true,
    maxLength: REASON_LENGTH,
    description: 'Shown to whoever asks for a lease. It may have line breaks.',
  })
  @IsOptional()
  @IsFreeText(REASON_LENGTH)
  reason?: string | null;
}
