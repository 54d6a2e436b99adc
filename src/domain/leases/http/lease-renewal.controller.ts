import { Body, Controller, HttpCode, Post, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { ApiAnswer, ApiProblems, ApiRequest, Context, Requires, UuidParam } from '../../../platform/http/index.js';
import { RenewLease } from '../commands/renew-lease.js';
import { leaseJson } from '../lease-json.js';
import { LEASE_EXAMPLE, RenewedLeaseAnswer } from './lease-answers.js';
import { RenewBody } from './lease-bodies.js';

const RENEWED_EXAMPLE = { ...LEASE_EXAMPLE, expiresAt: '2026-11-23T13:06:10.003Z', version: 3, position: 902 };

/** How a holder says that it is still there. */
@ApiTags('leases')
@Controller('api/environment-leases/:leaseId')
export class LeaseRenewalController {
  constructor(private readonly commands: CommandBus) {}

  @Post('renew')
  @HttpCode(200)
  @Requires(['leases:acquire', 'leases:operate'], 'lease')
  @ApiOperation({
    summary: 'Renew a lease',
    description:
      'Its end comes no earlier than `ttlSeconds` from now, but never after its `maxTtlSeconds`. A renewal counts as use. `expiresAt` of the answer is a promise, and may be less than was asked for: by up to a third, where the end that was promised before is almost as late.',
  })
  @ApiRequest(RenewBody, {
    own: { summary: 'For its own time to live', value: {} },
    longer: { summary: 'For two hours', value: { ttlSeconds: 7200 } },
  })
  @ApiAnswer({
    status: 200,
    description: 'As it is now. A lease that is not active yet, or has no end to put off, is answered as it is.',
    type: RenewedLeaseAnswer,
    example: { lease: RENEWED_EXAMPLE, position: RENEWED_EXAMPLE.position },
  })
  @ApiProblems('lease_not_found', 'lease_ended', 'version_conflict', 'idempotency_key_reused')
  async renew(
    @UuidParam('leaseId') leaseId: string,
    @Body() { ttlSeconds }: RenewBody,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RenewedLeaseAnswer> {
    const lease = await this.commands.execute(new RenewLease(leaseId, ttlSeconds ?? null, context));
    void reply.header('X-Event-Position', lease.position);
    return { lease: leaseJson(lease), position: lease.position };
  }
}
