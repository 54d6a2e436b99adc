import { Body, Controller, HttpCode, Post, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import {
  ApiAnswer,
  ApiProblems,
  ApiRequest,
  Context,
  IfMatch,
  Requires,
  UuidParam,
} from '../../../platform/http/index.js';
import { Clock } from '../../../event-sourcing/event-log/index.js';
import { ChangeCordon } from '../commands/change-cordon.js';
import type { Environment } from '../state.js';
import { answered } from './answered.js';
import { CORDONED_EXAMPLE, DRAINING_EXAMPLE, ENVIRONMENT_EXAMPLE, EnvironmentAnswer } from './environment-answers.js';
import { CordonBody, DrainBody } from './cordon-bodies.js';

const PROBLEMS = ['environment_not_found', 'version_conflict', 'idempotency_key_reused'] as const;

/** Keeps new leases off an environment, empties it, and lets them back. */
@ApiTags('environments')
@Controller('api')
export class CordonController {
  constructor(
    private readonly commands: CommandBus,
    private readonly clock: Clock,
  ) {}

  @Post('environments/:id/cordon')
  @Requires('environments:manage', 'environment')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Cordon an environment',
    description: 'It takes no new leases; existing leases continue. Cordoning it again changes nothing.',
  })
  @ApiRequest(CordonBody, { maintenance: { summary: 'With a reason', value: { reason: 'Disk replacement' } } })
  @ApiAnswer({ status: 200, description: 'Current state.', type: EnvironmentAnswer, example: CORDONED_EXAMPLE })
  @ApiProblems(...PROBLEMS)
  async cordon(
    @UuidParam('id') id: string,
    @Body() { reason = null }: CordonBody,
    @IfMatch() expectedVersion: number | null,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Environment> {
    return answered(
      await this.commands.execute(new ChangeCordon(id, { kind: 'cordon', reason }, expectedVersion, context)),
      reply,
    );
  }

  @Post('environments/:id/drain')
  @Requires('environments:manage', 'environment')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Drain an environment',
    description:
      'It is cordoned, and the leases there end. `drain.drainedAt` is set once the last is gone, its cleanup included. Draining it again moves the deadline; uncordoning it cancels the drain.',
  })
  @ApiRequest(DrainBody, {
    release: { summary: 'Empty in an hour', value: { deadlineSeconds: 3600, onDeadline: 'release' } },
  })
  @ApiAnswer({ status: 200, description: 'Current state.', type: EnvironmentAnswer, example: DRAINING_EXAMPLE })
  @ApiProblems(...PROBLEMS)
  async drain(
    @UuidParam('id') id: string,
    @Body() { deadlineSeconds, onDeadline, reason = null }: DrainBody,
    @IfMatch() expectedVersion: number | null,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Environment> {
    const deadline = new Date(this.clock.date().getTime() + deadlineSeconds * 1_000).toISOString();
    const wish = { kind: 'drain', deadline, onDeadline, reason } as const;
    return answered(await this.commands.execute(new ChangeCordon(id, wish, expectedVersion, context)), reply);
  }

  @Post('environments/:id/uncordon')
  @Requires('environments:manage', 'environment')
  @HttpCode(200)
  @ApiOperation({ summary: 'Uncordon an environment', description: 'It takes new leases again.' })
  @ApiAnswer({ status: 200, description: 'Current state.', type: EnvironmentAnswer, example: ENVIRONMENT_EXAMPLE })
  @ApiProblems(...PROBLEMS)
  async uncordon(
    @UuidParam('id') id: string,
    @IfMatch() expectedVersion: number | null,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Environment> {
    return answered(
      await this.commands.execute(new ChangeCordon(id, { kind: 'uncordon' }, expectedVersion, context)),
      reply,
    );
  }
}
