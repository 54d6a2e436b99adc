import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { IsOptional, registerDecorator } from 'class-validator';
import { parseTime } from './time.js';

/** A moment of the log: a position, or a time (ISO 8601, UTC). */
type Moment = { readonly position: number } | { readonly time: string };

const POSITION = /^(?:pos:)?(\d{1,15})$/;

/** Null for what is neither a position nor a time with an offset from UTC. */
function parseMoment(text: unknown): Moment | null {
  if (typeof text !== 'string') return null;
  const position = POSITION.exec(text)?.[1];
  if (position !== undefined) return { position: Number(position) };
  // A plus that was not encoded arrives as a space, which nothing else there could mean.
  const time = parseTime(text.replace(/ (?=\d\d:\d\d$)/, '+'));
  return time && { time: time.toISOString() };
}

/** For the query of a read that can be had as it was. */
export class AtQuery {
  @IsMoment('Answer for a past point.')
  at?: string;
}

/** The position that a read is asked for as of, which its answer says; null: as it is now. */
export async function positionAsked(
  at: string | undefined,
  log: { position(moment: Moment): Promise<number> },
  reply: FastifyReply,
): Promise<number | null> {
  const position = at === undefined ? null : await positionOf(at, log);
  if (position !== null) void reply.header('X-As-Of', position);
  return position;
}

/** The position that a valid moment stands for. */
export async function positionOf(
  text: string,
  log: { position(moment: Moment): Promise<number> },
): Promise<number | null> {
  const moment = parseMoment(text);
  return moment && log.position(moment);
}

/** A field of a query that names a moment of the log. */
export function IsMoment(description: string, { required = false } = {}): PropertyDecorator {
  return applyDecorators(
    ApiProperty({
      required,
      type: 'string',
      description: `${description} A log position (\`812\` or \`pos:812\`) or an ISO 8601 time.`,
      example: 'pos:812',
    }),
    ...(required ? [] : [IsOptional()]),
    (target: object, key: string | symbol) =>
      registerDecorator({
        name: 'isMoment',
        target: target.constructor,
        propertyName: key.toString(),
        validator: {
          validate: (value: unknown) => parseMoment(value) !== null,
          defaultMessage: () =>
            '$property must be a position, such as 812 or pos:812, or an ISO 8601 time with its zone, of the years 1 to 9999',
        },
      }),
  );
}
