import { Body, Controller, Delete, Get, Header, Module, ParseUUIDPipe, Param, Post, Query, Res } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsArray, IsInt, IsOptional, IsString, Length, Max, Min, ValidateNested } from 'class-validator';
import type { FastifyReply } from 'fastify';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandContext } from '../../../src/event-sourcing/commands/command-context.js';
import { LeaseholdError } from '../../../src/errors/catalogue.js';
import { LogOverloadedError, LogUnavailableError } from '../../../src/event-sourcing/event-log/index.js';
import {
  ApiAnswer,
  ApiProblems,
  Context,
  IfMatch,
  IsJsonObject,
  IsUuid,
  MinPosition,
  PreferWait,
  UuidParam,
} from '../../../src/platform/http/index.js';

export class MountDto {
  @IsString()
  @Length(1, 20)
  path!: string;
}

export class ThingDto {
  @IsString()
  @Length(1, 100)
  name!: string;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(100)
  count?: number;

  @IsOptional()
  @IsUuid()
  ownerId?: string;

  @IsOptional()
  @IsJsonObject()
  config?: Record<string, unknown>;

  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => MountDto)
  mounts?: MountDto[];
}

export class ThingQuery {
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  limit?: number;

  @IsOptional()
  @IsString()
  text?: string;
}

/** Thrown by `GET /api/fail/:how`. */
const FAILURES: Readonly<Record<string, () => unknown>> = {
  unexpected: () => new TypeError('the secret is hunter2'),
  text: () => 'hunter2',
  nothing: () => undefined,
  refusal: () => new LeaseholdError('environment_in_use', 'Two leases use it.', { leaseIds: ['a', 'b'] }),
  overloaded: () => new LogOverloadedError(9),
  unavailable: () => new LogUnavailableError(new Error('hunter2')),
  disconnected: () => Object.assign(new Error('connect ECONNREFUSED hunter2'), { code: 'ECONNREFUSED' }),
  'missing-file': () => Object.assign(new Error('ENOENT hunter2'), { code: 'ENOENT', syscall: 'open' }),
};

@Controller('api')
export class ThingController {
  @Post('things')
  @ApiProblems('environment_not_found', 'version_conflict', 'environment_in_use')
  @ApiAnswer({ status: 201, description: 'Made.', example: { name: 'first' } })
  create(@Body() body: ThingDto, @Context() context: CommandContext) {
    return { body, context };
  }

  @Get('things')
  list(@Query() query: ThingQuery) {
    return query;
  }

  @Get('things/:id')
  get(@UuidParam('id') id: string) {
    return { id };
  }

  @Delete('things/:id')
  remove(@UuidParam('id') id: string) {
    return { id };
  }

  @Get('parsed/:id')
  parsed(@Param('id', ParseUUIDPipe) id: string) {
    return { id };
  }

  @Get('headers')
  headers(@PreferWait() wait: number, @IfMatch() version: number | null, @MinPosition() position: number | null) {
    return { wait, version, position };
  }

  @Get('fail/:how')
  fail(@Param('how') how: string): never {
    throw FAILURES[how]?.();
  }

  @Get('half')
  @Header('content-type', 'text/plain')
  half(@Res() reply: FastifyReply): never {
    reply.raw.writeHead(200, { 'content-type': 'text/plain' });
    reply.raw.write('half an ');
    throw new Error('broke in the middle');
  }

  @Get('slow')
  async slow() {
    await sleep(300);
    return { slow: true };
  }
}

@Module({ controllers: [ThingController] })
export class ThingModule {}
