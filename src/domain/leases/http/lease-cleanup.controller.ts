import { Body, Controller, HttpCode, Post, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiOperation, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsOptional } from 'class-validator';
import type { FastifyReply } from 'fastify';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import {
  ApiAnswer,
  ApiProblems,
  ApiRequest,
  Context,
  IsFreeText,
  Requires,
  UuidParam,
} from '../../../platform/http/index.js';
import { SettleCleanup } from '../commands/settle-cleanup.js';
import { leaseJson, type LeaseJson } from '../lease-json.js';
import { LeaseAnswer, RELEASED_LEASE_EXAMPLE } from './lease-answers.js';

const NOTE_LENGTH = 2_000;

export class WriteOffBody {
  @ApiPropertyOptional({
    type: 'string',
    nullable: true,
    maxLength: NOTE_LENGTH,
    description: 'The reason, for the history. May contain line breaks.',
  })
  @IsOptional()
  @IsFreeText(NOTE_LENGTH)
  note?: string | null;
}

/** What an operator does about a cleanup that has failed. */
@ApiTags('leases')
@Controller('api/environment-leases/:leaseId/cleanup')
export class LeaseCleanupController {
  constructor(private readonly commands: CommandBus) {}

  @Post('retry')
  @HttpCode(202)
  @Requires('leases:operate', 'lease')
  @ApiOperation({ summary: 'Retry a failed cleanup', description: 'Starts at once, with all attempts.' })
  @ApiAnswer({
    status: 202,
    description: 'Cleanup queued. The lease shows the result.',
    type: LeaseAnswer,
    example: { ...RELEASED_LEASE_EXAMPLE, cleanupStatus: 'pending' },
  })
  @ApiProblems('lease_not_found', 'cleanup_not_failed', 'version_conflict', 'idempotency_key_reused')
  retry(
    @UuidParam('leaseId') leaseId: string,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LeaseJson> {
    return this.settle(new SettleCleanup(leaseId, { kind: 'retry' }, context), reply);
  }

  @Post('write-off')
  @HttpCode(200)
  @Requires('leases:operate', 'lease')
  @ApiOperation({
    summary: 'Write off a failed cleanup',
    description:
      'For a lease that has nothing left to clean up, or where it does not matter. Frees the lease’s capacity.',
  })
  @ApiRequest(WriteOffBody, { scrapped: { summary: 'The host is gone', value: { note: 'The host was scrapped.' } } })
  @ApiAnswer({
    status: 200,
    description: 'The current state.',
    type: LeaseAnswer,
    example: { ...RELEASED_LEASE_EXAMPLE, cleanupStatus: 'irrevocable' },
  })
  @ApiProblems('lease_not_found', 'cleanup_not_failed', 'version_conflict', 'idempotency_key_reused')
  writeOff(
    @UuidParam('leaseId') leaseId: string,
    @Body() { note }: WriteOffBody,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LeaseJson> {
    return this.settle(new SettleCleanup(leaseId, { kind: 'write_off', note: note ?? null }, context), reply);
  }

  private async settle(command: SettleCleanup, reply: FastifyReply): Promise<LeaseJson> {
    const { lease, position } = await this.commands.execute(command);
    void reply.header('X-Event-Position', position);
    return leaseJson(lease);
  }
}
