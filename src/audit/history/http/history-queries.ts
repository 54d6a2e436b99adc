import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Matches, Max, Min } from 'class-validator';
import { AtQuery, IsMoment } from '../../../platform/http/index.js';
import { TimelineItems, type TimelineItem } from '../timeline.js';

const PAGE = 100;

export class TimelineQuery extends AtQuery {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: 500,
    default: PAGE,
    description: 'Maximum number of events in the answer.',
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
}

export class DiffQuery {
  @IsMoment('The first point.', { required: true })
  from!: string;

  @IsMoment('The second point. Absent: now.')
  to?: string;
}

export interface TimelinePage {
  readonly items: readonly TimelineItem[];
  readonly nextCursor: string | null;
}

/** A cursor is the position of the last event that was given; callers need not know. */
export function itemsOf({ limit = PAGE, cursor }: TimelineQuery): TimelineItems {
  return new TimelineItems(Number(cursor ?? 0), limit);
}

export function pageOf({ found, hasMore }: TimelineItems): TimelinePage {
  const last = found.at(-1);
  return { items: found, nextCursor: last && hasMore ? String(last.position) : null };
}
