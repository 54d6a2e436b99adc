import { Readable } from 'node:stream';
import { Controller, Get, Query, Res, StreamableFile } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import {
  ApiAnswer,
  ApiProblems,
  AtQuery,
  From,
  may,
  positionAsked,
  positionOf,
  Requires,
  UuidParam,
  type Caller,
} from '../../../platform/http/index.js';
import { packageVersion } from '../../../platform/http/package-version.js';
import { AsOf } from '../../../event-sourcing/read-models/as-of.js';
import { Bundles } from '../bundles.js';
import { Histories } from '../histories.js';
import { linkInto, whyLease } from '../lease-why.js';
import { Comparison, type Diff } from '../diff.js';
import type { Link, Why } from '../why.js';
import { DIFF_EXAMPLE, TIMELINE_EXAMPLE, WHY_EXAMPLE } from './history-examples.js';
import { DiffQuery, itemsOf, pageOf, TimelineQuery, type TimelinePage } from './history-queries.js';

/** Whoever may read a lease; what happened to it is no more than what it was at one time or another. */
const READS_LEASE = ['environments:manage', 'leases:operate', 'audit:read', 'leases:acquire'] as const;
/** A bundle has the events themselves, and those of other leases. */
const READS_EVENTS = ['environments:manage', 'leases:operate', 'audit:read'] as const;

@ApiTags('history')
@Controller('api/environment-leases/:leaseId')
export class LeaseHistoryController {
  constructor(
    private readonly histories: Histories,
    private readonly bundles: Bundles,
    private readonly asOf: AsOf,
  ) {}

  @Get('timeline')
  @Requires(READS_LEASE, 'lease')
  @ApiOperation({ summary: 'Get the history of a lease', description: 'Oldest first.' })
  @ApiAnswer({
    status: 200,
    description: 'The events, each with its cause, a sentence, and the fields that it changed.',
    example: { items: TIMELINE_EXAMPLE, nextCursor: null },
  })
  @ApiProblems('lease_not_found', 'at_in_future', 'at_before_log')
  async timeline(
    @UuidParam('leaseId') leaseId: string,
    @Query() query: TimelineQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TimelinePage> {
    const at = await positionAsked(query.at, this.asOf, reply);
    const items = itemsOf(query);
    await this.histories.lease(leaseId, at, (step) => items.add(step));
    return pageOf(items);
  }

  @Get('diff')
  @Requires(READS_LEASE, 'lease')
  @ApiOperation({ summary: 'Compare a lease at two points' })
  @ApiAnswer({ status: 200, description: 'Only the fields that differ.', example: DIFF_EXAMPLE })
  @ApiProblems('lease_not_found', 'at_in_future', 'at_before_log')
  async diff(@UuidParam('leaseId') leaseId: string, @Query() { from, to }: DiffQuery): Promise<Diff> {
    const last = to === undefined ? null : await positionOf(to, this.asOf);
    const comparison = new Comparison(await positionOf(from, this.asOf), last);
    await this.histories.lease(leaseId, null, (step) => comparison.add(step));
    return comparison.diff;
  }

  @Get('why')
  @Requires(READS_LEASE, 'lease')
  @ApiOperation({
    summary: 'Explain the state of a lease',
    description: 'The events that led to it, what it waits for, and which timer fires next.',
  })
  @ApiAnswer({ status: 200, description: 'Never empty.', example: WHY_EXAMPLE })
  @ApiProblems('lease_not_found', 'at_in_future', 'at_before_log')
  async why(
    @UuidParam('leaseId') leaseId: string,
    @Query() query: AtQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Why> {
    const chain: Link[] = [];
    const at = await positionAsked(query.at, this.asOf, reply);
    return whyLease(await this.histories.lease(leaseId, at, linkInto(chain)), chain);
  }

  @Get('bundle')
  @Requires(READS_EVENTS, 'lease')
  @ApiOperation({
    summary: 'Export everything that explains a lease',
    description: 'Contains no secrets. `leasehold replay <file>` replays it step by step, without a service.',
  })
  @ApiAnswer({ status: 200, description: 'The bundle.', example: { format: 'leasehold.bundle', formatVersion: 1 } })
  @ApiProblems('lease_not_found', 'at_in_future', 'at_before_log')
  async bundle(
    @UuidParam('leaseId') leaseId: string,
    @Query() query: AtQuery,
    @From() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    const at = await positionAsked(query.at, this.asOf, reply);
    const bundle = await this.bundles.of(leaseId, at, may(caller, 'environments:manage'), packageVersion());
    return new StreamableFile(Readable.from(bundle, { objectMode: false }), {
      type: 'application/json; charset=utf-8',
      disposition: `attachment; filename="lease-${leaseId}.json"`,
    });
  }
}
