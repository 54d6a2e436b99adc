import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, Max, Min } from 'class-validator';
import { IsFreeText } from '../../../platform/http/index.js';
import { ON_DEADLINE, type OnDeadline } from '../environment-names.js';

const REASON_LENGTH = 500;
const MAX_SECONDS = 31_536_000;

export class CordonBody {
  @ApiPropertyOptional({
    type: 'string',
    nullable: true,
    maxLength: REASON_LENGTH,
    description: 'Shown to callers who ask for a lease. May contain line breaks.',
  })
  @IsOptional()
  @IsFreeText(REASON_LENGTH)
  reason?: string | null;
}

export class DrainBody extends CordonBody {
  @ApiProperty({ type: 'integer', minimum: 0, maximum: MAX_SECONDS, description: 'Seconds from now to the deadline.' })
  @IsInt()
  @Min(0)
  @Max(MAX_SECONDS)
  deadlineSeconds!: number;

  @ApiProperty({
    enum: ON_DEADLINE,
    description:
      '`wait`: the leases there end by themselves, the deadline is for people. `release`: those still there at the deadline end (`drained`).',
  })
  @IsIn(ON_DEADLINE)
  onDeadline!: OnDeadline;
}
