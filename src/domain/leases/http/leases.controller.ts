import { Body, Controller, Get, HttpCode, Post, Query, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { ENVIRONMENT_EXAMPLE } from '../../environments/http/environment-answers.js';
import { visibleEnvironment } from '../../environments/http/visible-environment.js';
import {
  ApiAnswer,
  ApiProblems,
  ApiRequest,
  AtQuery,
  Context,
  From,
  Gone,
  linkNext,
  MinPosition,
  positionAsked,
  PreferWait,
  Requires,
  UuidParam,
  type Caller,
} from '../../../platform/http/index.js';
import { AsOf } from '../../../event-sourcing/read-models/as-of.js';
import { AcquireLease } from '../commands/acquire-lease.js';
import { ReleaseLease } from '../commands/release-lease.js';
import { ReleaseRunLeases } from '../commands/release-run-leases.js';
import type { ReleaseWish } from '../decide.js';
import { LeaseWaiter } from '../lease-waiter.js';
import { leaseJson, type LeaseJson } from '../lease-json.js';
import { GetLease } from '../queries/get-lease.js';
import { ListLeases, type LeasePage } from '../queries/list-leases.js';
import {
  ACQUIRED_EXAMPLE,
  AcquireLeaseAnswer,
  LEASE_EXAMPLE,
  LeaseAnswer,
  LeasePageAnswer,
  QUEUED_LEASE_EXAMPLE,
  RELEASED_LEASE_EXAMPLE,
  ReleaseRunLeasesAnswer,
} from './lease-answers.js';
import { allowsCordoned } from './allows-cordoned.js';
import { answered } from './answered.js';
import { awaitActive, awaitEnd } from './awaited.js';
import { AcquireLeaseBody, EnvironmentLeasesQuery, LeaseFilterQuery, ReleaseBody } from './lease-bodies.js';
import { ACQUIRE_EXAMPLES, leaseWishOf } from './lease-wish.js';

const PAGE_SIZE = 50;
/** The seed answers with all leases of an environment; this many, then `Link: rel="next"` leads on. */
const ENVIRONMENT_PAGE_SIZE = 500;

/** Lists show everybody's leases; who only acquires them has the ids of its own. */
const SEES_LEASES = ['environments:manage', 'leases:operate', 'audit:read'] as const;
const ENDS_LEASES = ['leases:acquire', 'leases:operate'] as const;

const RELEASED_EXAMPLE = {
  ...ACQUIRED_EXAMPLE,
  lease: RELEASED_LEASE_EXAMPLE,
  position: RELEASED_LEASE_EXAMPLE.position,
};

@ApiTags('leases')
@Controller('api')
export class LeasesController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly waiter: LeaseWaiter,
    private readonly asOf: AsOf,
  ) {}

  @Post('companies/:companyId/leases')
  @Requires('leases:acquire', 'company')
  @ApiOperation({
    summary: 'Acquire a lease',
    description:
      'With an `Idempotency-Key`, the request can be repeated after a lost answer. Without one, a caller that disconnects before the answer gives up the lease (`caller_gone`).',
  })
  @ApiRequest(AcquireLeaseBody, ACQUIRE_EXAMPLES)
  @ApiAnswer({ status: 201, description: 'The lease is active.', type: AcquireLeaseAnswer, example: ACQUIRED_EXAMPLE })
  @ApiAnswer({
    status: 202,
    description: 'It is still being provisioned when the wait ends. Poll `Location`.',
    type: AcquireLeaseAnswer,
    example: { ...ACQUIRED_EXAMPLE, lease: QUEUED_LEASE_EXAMPLE },
  })
  @ApiProblems(
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
  async acquire(
    @UuidParam('companyId') companyId: string,
    @Body() body: AcquireLeaseBody,
    @Context() context: CommandContext,
    @PreferWait() waitSeconds: number,
    @Gone() gone: AbortSignal,
    @From() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AcquireLeaseAnswer> {
    const allowCordoned = allowsCordoned(body, caller);
    const asked = await this.commands.execute(
      new AcquireLease(companyId, leaseWishOf(body), context, null, allowCordoned),
    );
    const acquired = await awaitActive(this.waiter, asked, waitSeconds, gone);
    // Nobody has its id, and without a key nobody can ask again: it would be held for good.
    if (gone.aborted && context.idempotency === null) await this.giveUp(acquired.lease.id, context);
    void reply.header('Location', `/api/environment-leases/${acquired.lease.id}`);
    if (acquired.lease.status !== 'active') void reply.status(202);
    return answered(acquired, caller, reply);
  }

  @Get('companies/:companyId/leases')
  @Requires(SEES_LEASES, 'company')
  @ApiOperation({
    summary: 'List a company’s leases',
    description:
      'Newest first. With `at` and a status, a page may have few items, or none, and still have a next page. `cleanupStatus=irrevocable&cleanupWrittenOff=false` lists what needs an operator.',
  })
  @ApiAnswer({
    status: 200,
    description: 'A page of leases.',
    type: LeasePageAnswer,
    example: { items: [LEASE_EXAMPLE], nextCursor: null },
  })
  @ApiProblems('read_model_behind', 'position_ahead_of_log', 'at_in_future', 'at_before_log')
  async list(
    @UuidParam('companyId') companyId: string,
    @Query() { limit = PAGE_SIZE, cursor, status, cleanupStatus, at: moment, ...filter }: LeaseFilterQuery,
    @MinPosition() minPosition: number | null,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LeasePageAnswer> {
    const at = await positionAsked(moment, this.asOf, reply);
    const query = new ListLeases(
      {
        ...filter,
        companyId,
        ...(status && { statuses: status }),
        ...(cleanupStatus && { cleanupStatuses: cleanupStatus }),
      },
      limit,
      beforeFence(cursor),
      minPosition,
      at,
    );
    const page = await this.queries.execute(query);
    return { items: page.leases.map(leaseJson), nextCursor: cursorAfter(page) };
  }

  @Get('environments/:id/leases')
  @Requires(SEES_LEASES, 'environment')
  @ApiOperation({
    summary: 'List an environment’s leases',
    description:
      'Newest first, of a deleted environment too. At most `limit` (500 by default). If there are more, the header `Link` with `rel="next"` has the next page. With `at` and `status`, a page may have few items and still have a next page.',
  })
  @ApiAnswer({ status: 200, description: 'A bare array.', type: LeaseAnswer, isArray: true, example: [LEASE_EXAMPLE] })
  @ApiProblems('read_model_behind', 'position_ahead_of_log', 'at_in_future', 'at_before_log')
  async listOfEnvironment(
    @UuidParam('id') environmentId: string,
    @Query() { limit = ENVIRONMENT_PAGE_SIZE, cursor, status, at: moment }: EnvironmentLeasesQuery,
    @MinPosition() minPosition: number | null,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LeaseJson[]> {
    const at = await positionAsked(moment, this.asOf, reply);
    const filter = { environmentId, ...(status && { statuses: status }) };
    const page = await this.queries.execute(new ListLeases(filter, limit, beforeFence(cursor), minPosition, at));
    linkNext(reply, `/api/environments/${environmentId}/leases`, cursorAfter(page), { limit, status, at });
    return page.leases.map(leaseJson);
  }

  @Get('environment-leases/:leaseId')
  @Requires([...SEES_LEASES, 'leases:acquire'], 'lease')
  @ApiOperation({ summary: 'Get a lease' })
  @ApiAnswer({ status: 200, description: 'The lease.', type: LeaseAnswer, example: LEASE_EXAMPLE })
  @ApiProblems('lease_not_found', 'read_model_behind', 'position_ahead_of_log', 'at_in_future', 'at_before_log')
  async get(
    @UuidParam('leaseId') leaseId: string,
    @Query() query: AtQuery,
    @MinPosition() minPosition: number | null,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LeaseJson> {
    const at = await positionAsked(query.at, this.asOf, reply);
    return leaseJson(await this.queries.execute(new GetLease(leaseId, minPosition, at)));
  }

  @Post('environment-leases/:leaseId/release')
  @Requires(ENDS_LEASES, 'lease')
  @HttpCode(200)
  @ApiOperation({ summary: 'Release a lease', description: 'Releasing an ended lease changes nothing.' })
  @ApiRequest(ReleaseBody, {
    released: { summary: 'The work is done', value: {} },
    failed: { summary: 'The run failed', value: { status: 'failed', failureReason: 'exit code 137' } },
  })
  @ApiAnswer({ status: 200, description: 'The current state.', type: AcquireLeaseAnswer, example: RELEASED_EXAMPLE })
  @ApiProblems('lease_not_found', 'lease_release_failed', 'version_conflict', 'idempotency_key_reused')
  async release(
    @UuidParam('leaseId') leaseId: string,
    @Body() body: ReleaseBody,
    @Context() context: CommandContext,
    @PreferWait() waitSeconds: number,
    @Gone() gone: AbortSignal,
    @From() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AcquireLeaseAnswer> {
    const released = await this.commands.execute(new ReleaseLease(leaseId, wishOf(body), context));
    return answered(await awaitEnd(this.waiter, released, waitSeconds, gone), caller, reply);
  }

  @Post('companies/:companyId/heartbeat-runs/:runId/release-leases')
  @Requires(ENDS_LEASES, 'company')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Release all leases of a run',
    description:
      'A second call releases nothing and succeeds. A lease that cannot be released does not stop the others.',
  })
  @ApiRequest(ReleaseBody, { released: { summary: 'The run is done', value: {} } })
  @ApiAnswer({
    status: 200,
    description: 'The leases that this call released.',
    type: ReleaseRunLeasesAnswer,
    example: {
      released: [{ environment: ENVIRONMENT_EXAMPLE, lease: RELEASED_LEASE_EXAMPLE }],
      errors: [],
      position: RELEASED_LEASE_EXAMPLE.position,
    },
  })
  @ApiProblems('version_conflict', 'idempotency_key_reused')
  async releaseRun(
    @UuidParam('companyId') companyId: string,
    @UuidParam('runId') runId: string,
    @Body() body: ReleaseBody,
    @Context() context: CommandContext,
    @PreferWait() waitSeconds: number,
    @Gone() gone: AbortSignal,
    @From() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ReleaseRunLeasesAnswer> {
    const { errors, ...asked } = await this.commands.execute(
      new ReleaseRunLeases(companyId, runId, wishOf(body), context),
    );
    const released = await Promise.all(asked.released.map((one) => awaitEnd(this.waiter, one, waitSeconds, gone)));
    const position = Math.max(asked.position, ...released.map(({ lease }) => lease.position));
    void reply.header('X-Event-Position', position);
    return {
      released: released.map(({ environment, lease }) => ({
        environment: visibleEnvironment(environment, caller),
        lease: leaseJson(lease),
      })),
      errors: [...errors],
      position,
    };
  }

  private async giveUp(leaseId: string, context: CommandContext): Promise<void> {
    const wish = { outcome: 'released', reasonCode: 'caller_gone', failureReason: null } as const;
    await this.commands.execute(new ReleaseLease(leaseId, wish, { ...context, actor: 'system:callers' }));
  }
}

function wishOf(body: ReleaseBody): ReleaseWish {
  return { outcome: body.status ?? 'released', reasonCode: null, failureReason: body.failureReason ?? null };
}

/** A cursor is the fence of the last lease that was given; callers need not know. */
function beforeFence(cursor: string | undefined): number | null {
  return cursor === undefined ? null : Number(cursor);
}

function cursorAfter({ nextBeforeFence }: LeasePage): string | null {
  return nextBeforeFence === null ? null : String(nextBeforeFence);
}
