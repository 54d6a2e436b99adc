import { Body, Controller, Put, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import {
  ApiAnswer,
  ApiProblems,
  ApiRequest,
  Context,
  From,
  Gone,
  PreferWait,
  Requires,
  UuidParam,
  type Caller,
} from '../../../platform/http/index.js';
import { AcquireLease } from '../commands/acquire-lease.js';
import { LeaseWaiter } from '../lease-waiter.js';
import { allowsCordoned } from './allows-cordoned.js';
import { answered } from './answered.js';
import { awaitActive, isUndecided } from './awaited.js';
import { ACQUIRED_EXAMPLE, AcquireLeaseAnswer, QUEUED_LEASE_EXAMPLE } from './lease-answers.js';
import { AcquireLeaseBody } from './lease-bodies.js';
import { ACQUIRE_EXAMPLES, leaseWishOf } from './lease-wish.js';

/** Leases whose ids their callers choose, so that they can ask again whatever became of the first answer. */
@ApiTags('leases')
@Controller('api')
export class LeaseOfOwnIdController {
  constructor(
    private readonly commands: CommandBus,
    private readonly waiter: LeaseWaiter,
  ) {}

  @Put('companies/:companyId/leases/:leaseId')
  @Requires('leases:acquire', 'company')
  @ApiOperation({
    summary: 'Acquire a lease under an id of your own',
    description:
      'Send it again as often as you like: the same id with the same terms is the same lease, as it is by then, ended or not. It needs no `Idempotency-Key`, and a caller who leaves before the answer keeps the lease.',
  })
  @ApiRequest(AcquireLeaseBody, ACQUIRE_EXAMPLES)
  @ApiAnswer({ status: 200, description: 'The lease was there.', type: AcquireLeaseAnswer, example: ACQUIRED_EXAMPLE })
  @ApiAnswer({ status: 201, description: 'The lease is active.', type: AcquireLeaseAnswer, example: ACQUIRED_EXAMPLE })
  @ApiAnswer({
    status: 202,
    description: 'It is still being provisioned when the wait is over.',
    type: AcquireLeaseAnswer,
    example: { ...ACQUIRED_EXAMPLE, lease: QUEUED_LEASE_EXAMPLE },
  })
  @ApiProblems(
    'lease_id_taken',
    'environment_not_found',
    'environment_inactive',
    'environment_cordoned',
    'environment_quarantined',
    'unsupported_environment',
    'unsupported_adapter_environment',
    'lease_acquire_failed',
    'version_conflict',
    'idempotency_key_reused',
  )
  async put(
    @UuidParam('companyId') companyId: string,
    @UuidParam('leaseId') leaseId: string,
    @Body() body: AcquireLeaseBody,
    @Context() context: CommandContext,
    @PreferWait() waitSeconds: number,
    @Gone() gone: AbortSignal,
    @From() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AcquireLeaseAnswer> {
    const asked = await this.commands.execute(
      new AcquireLease(companyId, leaseWishOf(body), context, null, allowsCordoned(body, caller), leaseId),
    );
    const acquired = isUndecided(asked.lease) ? await awaitActive(this.waiter, asked, waitSeconds, gone) : asked;
    void reply.header('Location', `/api/environment-leases/${leaseId}`);
    void reply.status(isUndecided(acquired.lease) ? 202 : asked.isRepeat ? 200 : 201);
    return answered(acquired, caller, reply);
  }
}
