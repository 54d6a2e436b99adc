import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { visibleEnvironment } from '../../../domain/environments/http/visible-environment.js';
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
import type { Environment } from '../../../domain/environments/state.js';
import { AsOf } from '../../../event-sourcing/read-models/as-of.js';
import { Comparison, type Diff } from '../diff.js';
import { EnvironmentChain, whyEnvironment } from '../environment-why.js';
import { Histories } from '../histories.js';
import { environmentSubject } from '../subjects.js';
import type { Step } from '../timeline.js';
import type { Why } from '../why.js';
import { DIFF_EXAMPLE, TIMELINE_EXAMPLE, WHY_EXAMPLE } from './history-examples.js';
import { DiffQuery, itemsOf, pageOf, TimelineQuery, type TimelinePage } from './history-queries.js';

/** The same of an environment, a deleted one too. */
@ApiTags('history')
@Controller('api/environments/:id')
export class EnvironmentHistoryController {
  constructor(
    private readonly histories: Histories,
    private readonly asOf: AsOf,
  ) {}

  @Get('timeline')
  @Requires(null, 'environment')
  @ApiOperation({
    summary: 'Get the history of an environment',
    description: 'Oldest first. Works for deleted environments too.',
  })
  @ApiAnswer({
    status: 200,
    description: 'The events, each with its cause, a sentence, and the fields that it changed.',
    example: { items: TIMELINE_EXAMPLE, nextCursor: null },
  })
  @ApiProblems('environment_not_found', 'at_in_future', 'at_before_log')
  async timeline(
    @UuidParam('id') id: string,
    @Query() query: TimelineQuery,
    @From() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TimelinePage> {
    const at = await positionAsked(query.at, this.asOf, reply);
    const items = itemsOf(query);
    await this.told(id, at, caller, (step) => items.add(step));
    return pageOf(items);
  }

  @Get('diff')
  @Requires(null, 'environment')
  @ApiOperation({ summary: 'Compare an environment at two points' })
  @ApiAnswer({ status: 200, description: 'Only the fields that differ.', example: DIFF_EXAMPLE })
  @ApiProblems('environment_not_found', 'at_in_future', 'at_before_log')
  async diff(@UuidParam('id') id: string, @Query() { from, to }: DiffQuery, @From() caller: Caller): Promise<Diff> {
    const last = to === undefined ? null : await positionOf(to, this.asOf);
    const comparison = new Comparison(await positionOf(from, this.asOf), last);
    await this.told(id, null, caller, (step) => comparison.add(step));
    return comparison.diff;
  }

  @Get('why')
  @Requires(null, 'environment')
  @ApiOperation({
    summary: 'Explain the state of an environment',
    description: 'The events that led to it, the result of the latest probe, and the leases that hold it.',
  })
  @ApiAnswer({ status: 200, description: 'Never empty.', example: { ...WHY_EXAMPLE, status: 'archived' } })
  @ApiProblems('environment_not_found', 'at_in_future', 'at_before_log', 'read_model_behind')
  async why(
    @UuidParam('id') id: string,
    @Query() query: AtQuery,
    @From() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Why> {
    const at = await positionAsked(query.at, this.asOf, reply);
    const chain = new EnvironmentChain();
    const state = await this.told(id, at, caller, (step) => chain.add(step));
    return whyEnvironment(state, chain, await this.histories.holders(id, at));
  }

  private told(id: string, at: number | null, caller: Caller, see: (step: Step<object>) => void) {
    const visible = (one: Environment) => visibleEnvironment(one, caller);
    return this.histories.environment(id, at, environmentSubject(visible, may(caller, 'environments:manage')), see);
  }
}
