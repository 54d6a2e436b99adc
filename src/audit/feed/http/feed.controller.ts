import { Controller, Get, Headers, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog } from '../../../event-sourcing/event-log/index.js';
import {
  ApiAnswer,
  ApiProblems,
  beginEventStream,
  From,
  Gone,
  may,
  Requires,
  UuidParam,
  type Caller,
} from '../../../platform/http/index.js';
import { validationFailed } from '../../../platform/http/validation-failed.js';
import { feedEvent, SharedFrames } from '../event-frames.js';
import { Feed } from '../feed.js';
import type { FeedFilter } from '../feed-selection.js';
import { FeedStream } from '../feed-stream.js';
import { LiveEvents } from '../live-events.js';
import { EVENT_EXAMPLE } from './feed-example.js';
import { FeedPageAnswer, FeedPageQuery, FeedQuery } from './feed-queries.js';
import { requireKnownTypes } from './known-types.js';

/** Events are everybody's; who only acquires leases has those of its own. */
const READS_EVENTS = ['environments:manage', 'leases:operate', 'audit:read'] as const;
const PAGE = 100;

@ApiTags('events')
@Controller('api/companies/:companyId/events')
export class FeedController {
  private readonly frames = new SharedFrames();

  constructor(
    private readonly feed: Feed,
    private readonly live: LiveEvents,
    private readonly log: EventLog,
  ) {}

  @Get()
  @Requires(READS_EVENTS, 'company')
  @ApiOperation({
    summary: 'List a company’s events',
    description:
      'In log order, from the beginning or after the position `after`. The cursor skips nothing: an event that is on neither this page nor an earlier one will be on a later one.',
  })
  @ApiAnswer({
    status: 200,
    description: 'A page of events. An empty page also has a cursor.',
    type: FeedPageAnswer,
    example: { items: [EVENT_EXAMPLE], nextCursor: String(EVENT_EXAMPLE.position) },
  })
  @ApiProblems('position_ahead_of_log', 'read_model_behind')
  async list(
    @UuidParam('companyId') companyId: string,
    @Query() { limit = PAGE, after = 0, ...query }: FeedPageQuery,
    @From() caller: Caller,
  ): Promise<FeedPageAnswer> {
    const filter = this.filterOf(companyId, query);
    await this.feed.mustHaveReached(after);
    const { events, position } = await this.feed.page(await this.feed.selection(filter, after), after, limit);
    const seesConfig = may(caller, 'environments:manage');
    return { items: events.map((event) => feedEvent(event, seesConfig)), nextCursor: String(position) };
  }

  @Get('stream')
  @Requires(READS_EVENTS, 'company')
  @ApiOperation({
    summary: 'Stream a company’s events',
    description:
      'Server-sent events: `id` is the position, `event` the type, `data` the event. The stream starts after `Last-Event-ID`, else after `after`, else now. A reader that is too slow is disconnected. It can reconnect with the last id that it received.',
  })
  @ApiHeader({ name: 'Last-Event-ID', required: false, schema: { type: 'integer', minimum: 0 } })
  @ApiAnswer({ status: 200, description: 'text/event-stream, with a heartbeat every 15 seconds.', example: {} })
  @ApiProblems('position_ahead_of_log', 'read_model_behind')
  async stream(
    @UuidParam('companyId') companyId: string,
    @Query() { after, ...query }: FeedQuery,
    @From() caller: Caller,
    @Gone() gone: AbortSignal,
    @Res() reply: FastifyReply,
    @Headers('last-event-id') lastEventId?: string,
  ): Promise<void> {
    const filter = this.filterOf(companyId, query);
    const from = lastEventId === undefined || lastEventId === '' ? after : positionOf(lastEventId);
    if (from !== undefined) await this.feed.mustHaveReached(from);
    const position = from ?? (await this.log.read.head());
    const selection = await this.feed.selection(filter, position);

    const response = beginEventStream(reply);
    // Its headers are the whole answer to HEAD.
    if (reply.request.method === 'HEAD') {
      response.end();
      return;
    }
    const reader = {
      response,
      gone,
      selection,
      seesConfig: may(caller, 'environments:manage'),
    };
    const read = (behind: number, limit: number) => this.feed.page(selection, behind, limit);
    await new FeedStream(reader, read, this.live, this.frames, position).send();
  }

  /** @throws LeaseholdError validation_failed */
  private filterOf(companyId: string, { type: types, ...query }: Omit<FeedQuery, 'after'>): FeedFilter {
    requireKnownTypes('type', types ?? [], this.log.catalogue.all());
    return { companyId, types, ...query };
  }
}

/** @throws LeaseholdError validation_failed */
function positionOf(lastEventId: string): number {
  if (/^\d{1,15}$/.test(lastEventId)) return Number(lastEventId);
  throw validationFailed([{ field: 'Last-Event-ID', message: 'must be the id of an event of this stream' }]);
}
