import { Body, Controller, HttpCode, Post, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiOperation, ApiTags, PickType } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { ENVIRONMENT_EXAMPLE } from '../../environments/http/environment-answers.js';
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
import { DiscardKept } from '../commands/discard-kept.js';
import { LeaseStore } from '../lease-store.js';
import { LeaseWaiter } from '../lease-waiter.js';
import { allowsCordoned } from './allows-cordoned.js';
import { answered } from './answered.js';
import { awaitActive } from './awaited.js';
import { AcquireLeaseAnswer, LEASE_EXAMPLE, QUEUED_LEASE_EXAMPLE, RELEASED_LEASE_EXAMPLE } from './lease-answers.js';
import { AcquireLeaseBody, limitsOf } from './lease-bodies.js';

export class ResumeBody extends PickType(AcquireLeaseBody, [
  'heartbeatRunId',
  'issueId',
  'agentId',
  'priority',
  'ttlSeconds',
  'idleTtlSeconds',
  'maxTtlSeconds',
  'expiryNoticeSeconds',
  'metadata',
  'allowCordoned',
] as const) {}

const CONTEXT = { executionWorkspaceId: null, executionWorkspaceMode: null };
const RESUMED_EXAMPLE = {
  environment: ENVIRONMENT_EXAMPLE,
  lease: {
    ...LEASE_EXAMPLE,
    leasePolicy: 'retain_on_failure' as const,
    reusedLeaseId: '019ab7a3-0c1d-7f52-9a41-000000000001',
  },
  leaseContext: CONTEXT,
  position: LEASE_EXAMPLE.position,
};

/** What is done with what an ended lease keeps. */
@ApiTags('leases')
@Controller('api/environment-leases/:leaseId')
export class LeaseKeepingController {
  constructor(
    private readonly commands: CommandBus,
    private readonly leases: LeaseStore,
    private readonly waiter: LeaseWaiter,
  ) {}

  @Post('resume')
  @Requires('leases:operate', 'lease')
  @ApiOperation({
    summary: 'Take over the kept sandbox of an ended lease',
    description:
      'A new lease with the same terms gets the sandbox as it is, for example to inspect one that was retained after a failure.',
  })
  @ApiRequest(ResumeBody, { debugging: { summary: 'For an hour', value: { ttlSeconds: 3600 } } })
  @ApiAnswer({
    status: 201,
    description: 'The new lease is active.',
    type: AcquireLeaseAnswer,
    example: RESUMED_EXAMPLE,
  })
  @ApiAnswer({
    status: 202,
    description: 'It is not ready when the wait ends. Poll `Location`.',
    type: AcquireLeaseAnswer,
    example: { ...RESUMED_EXAMPLE, lease: QUEUED_LEASE_EXAMPLE },
  })
  @ApiProblems(
    'lease_not_found',
    'nothing_kept',
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
  async resume(
    @UuidParam('leaseId') leaseId: string,
    @Body() body: ResumeBody,
    @Context() context: CommandContext,
    @PreferWait() waitSeconds: number,
    @Gone() gone: AbortSignal,
    @From() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AcquireLeaseAnswer> {
    const { state: ended } = await this.leases.current(leaseId);
    const wish = {
      ...ended.terms,
      heartbeatRunId: body.heartbeatRunId ?? null,
      issueId: body.issueId ?? ended.terms.issueId,
      agentId: body.agentId ?? ended.terms.agentId,
      priority: body.priority ?? ended.terms.priority,
      ...limitsOf(body),
      metadata: body.metadata ?? {},
    };
    const command = new AcquireLease(ended.companyId, wish, context, leaseId, allowsCordoned(body, caller));
    const asked = await this.commands.execute(command);
    const resumed = await awaitActive(this.waiter, asked, waitSeconds, gone);
    void reply.header('Location', `/api/environment-leases/${resumed.lease.id}`);
    if (resumed.lease.status !== 'active') void reply.status(202);
    return answered(resumed, caller, reply);
  }

  @Post('destroy')
  @HttpCode(200)
  @Requires('leases:operate', 'lease')
  @ApiOperation({ summary: 'Discard the kept sandbox of an ended lease', description: 'Before `keptUntil`.' })
  @ApiAnswer({
    status: 200,
    description: 'Cleanup queued. `cleanupStatus` shows the result.',
    type: AcquireLeaseAnswer,
    example: {
      environment: ENVIRONMENT_EXAMPLE,
      lease: { ...RELEASED_LEASE_EXAMPLE, status: 'retained', releasedAt: null, cleanupStatus: 'pending' },
      leaseContext: CONTEXT,
      position: RELEASED_LEASE_EXAMPLE.position,
    },
  })
  @ApiProblems('lease_not_found', 'nothing_kept', 'version_conflict', 'idempotency_key_reused')
  async destroy(
    @UuidParam('leaseId') leaseId: string,
    @Context() context: CommandContext,
    @From() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AcquireLeaseAnswer> {
    return answered(await this.commands.execute(new DiscardKept(leaseId, context)), caller, reply);
  }
}
