import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { LeaseholdError } from '../../../errors/catalogue.js';
import { ApiAnswer, ApiProblems, Requires } from '../../http/index.js';
import {
  SubscriptionRunner,
  type ParkedStream,
  type RetryResult,
  type SubscriptionStatus,
} from '../../../event-sourcing/subscriptions/index.js';

const SUBSCRIPTION: SubscriptionStatus = {
  name: 'leases@1',
  checkpoint: 812,
  head: 812,
  lag: 0,
  owner: 'host:4711:0b9d1f6e',
  ownedHere: true,
  fence: 3,
  parked: 0,
  failure: null,
};
const PARKED: ParkedStream = {
  subscription: 'leases@1',
  stream: 'lease-019ab7a3-0c1d-7f52-9a41-8e2b6c5d4f30',
  position: 790,
  attempts: 4,
  error: 'Error: LeaseReleased at position 790 cannot follow what came before it',
  parkedAt: '2026-11-23T11:40:02.517Z',
};

@ApiTags('operations')
@Controller('api/subscriptions')
export class SubscriptionsController {
  constructor(private readonly runner: SubscriptionRunner) {}

  @Get()
  @Requires('admin', 'service')
  @ApiOperation({ summary: 'List the subscriptions of the log', description: 'Including those of other processes.' })
  @ApiAnswer({ status: 200, description: 'All of them.', example: { items: [SUBSCRIPTION], nextCursor: null } })
  async list(): Promise<{ items: SubscriptionStatus[]; nextCursor: null }> {
    return { items: await this.runner.status(), nextCursor: null };
  }

  @Get(':name/parked')
  @Requires('admin', 'service')
  @ApiOperation({
    summary: 'List the parked streams of a subscription',
    description: 'A stream is parked when one of its events could not be handled; other streams go on.',
  })
  @ApiParam({ name: 'name', example: SUBSCRIPTION.name })
  @ApiAnswer({ status: 200, description: 'All of them.', example: { items: [PARKED], nextCursor: null } })
  @ApiProblems('subscription_not_found')
  async parked(@Param('name') name: string): Promise<{ items: ParkedStream[]; nextCursor: null }> {
    await this.mustExist(name);
    return { items: await this.runner.parked(name), nextCursor: null };
  }

  @Post(':name/parked/:stream/retry')
  @Requires('admin', 'service')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Retry a parked stream',
    description: 'Handles its events in order, from the failed one on.',
  })
  @ApiParam({ name: 'name', example: SUBSCRIPTION.name })
  @ApiParam({ name: 'stream', example: PARKED.stream })
  @ApiAnswer({
    status: 200,
    description: '`recovered`; `failed` with the new error; `pending` until a process retries it.',
    example: { kind: 'recovered' },
  })
  @ApiProblems('subscription_not_found', 'stream_not_parked')
  async retry(@Param('name') name: string, @Param('stream') stream: string): Promise<RetryResult> {
    await this.mustExist(name);
    return this.runner.retryParked(name, stream);
  }

  private async mustExist(name: string): Promise<void> {
    const statuses = await this.runner.status();
    if (!statuses.some((status) => status.name === name)) {
      throw new LeaseholdError('subscription_not_found', 'There is no subscription with this name.');
    }
  }
}
