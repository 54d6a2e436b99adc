import { Body, Controller, Delete, Get, HttpCode, Patch, Post, Query, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import {
  ApiAnswer,
  ApiProblems,
  ApiRequest,
  AtQuery,
  Context,
  From,
  IfMatch,
  linkNext,
  MinPosition,
  positionAsked,
  Requires,
  UuidParam,
  type Caller,
} from '../../../platform/http/index.js';
import { AsOf } from '../../../event-sourcing/read-models/as-of.js';
import { CreateEnvironment } from '../commands/create-environment.js';
import { DeleteEnvironment } from '../commands/delete-environment.js';
import { PatchEnvironment } from '../commands/patch-environment.js';
import { FOR_LEASES, type EnvironmentPatch } from '../decide.js';
import { GetEnvironment } from '../queries/get-environment.js';
import { ListEnvironments } from '../queries/list-environments.js';
import type { Environment } from '../state.js';
import { ENVIRONMENT_EXAMPLE, EnvironmentAnswer } from './environment-answers.js';
import {
  CreateEnvironmentBody,
  EnvironmentFilterQuery,
  PatchEnvironmentBody,
  SSH_HOST_EXAMPLE,
} from './environment-bodies.js';
import { answered } from './answered.js';
import { visibleEnvironment } from './visible-environment.js';

/** Without a `limit`; `Link: rel="next"` leads on. */
const PAGE_SIZE = 500;

@ApiTags('environments')
@Controller('api')
export class EnvironmentsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly asOf: AsOf,
  ) {}

  @Post('companies/:companyId/environments')
  @Requires('environments:manage', 'company')
  @ApiOperation({ summary: 'Create an environment' })
  @ApiRequest(CreateEnvironmentBody, {
    sandbox: {
      summary: 'A sandbox of the fake provider',
      value: { name: 'Sandbox', driver: 'sandbox', config: { provider: 'fake' } },
    },
    ssh: { summary: 'A host over SSH, behind a jump host', value: SSH_HOST_EXAMPLE },
    local: { summary: 'The company’s one local environment', value: { name: 'This machine', driver: 'local' } },
  })
  @ApiAnswer({ status: 201, description: 'Made.', type: EnvironmentAnswer, example: ENVIRONMENT_EXAMPLE })
  @ApiProblems(
    'local_environment_exists',
    'unsupported_environment',
    'driver_unavailable',
    'idempotency_key_reused',
    'version_conflict',
  )
  async create(
    @UuidParam('companyId') companyId: string,
    @Body() body: CreateEnvironmentBody,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Environment> {
    const { name, driver, description = null, config = {}, metadata = null } = body;
    const { requireFence = FOR_LEASES.requireFence } = body;
    const { provisioningTimeoutSeconds = FOR_LEASES.provisioningTimeoutSeconds } = body;
    const wanted = { name, driver, description, config, metadata, requireFence, provisioningTimeoutSeconds };
    const environment = await this.commands.execute(new CreateEnvironment(companyId, wanted, context));
    void reply.header('Location', `/api/environments/${environment.id}`);
    return answered(environment, reply);
  }

  @Get('companies/:companyId/environments')
  @Requires(null, 'company')
  @ApiOperation({
    summary: 'List a company’s environments',
    description:
      'Oldest first, without deleted ones. At most `limit` (500 by default). If there are more, the header `Link` with `rel="next"` has the next page. With `at`, a page may have few items and still have a next page.',
  })
  @ApiAnswer({
    status: 200,
    description: 'A bare array.',
    type: EnvironmentAnswer,
    isArray: true,
    example: [ENVIRONMENT_EXAMPLE],
  })
  @ApiProblems('read_model_behind', 'position_ahead_of_log', 'at_in_future', 'at_before_log')
  async list(
    @UuidParam('companyId') companyId: string,
    @Query() { limit = PAGE_SIZE, cursor, at: moment, ...filter }: EnvironmentFilterQuery,
    @MinPosition() minPosition: number | null,
    @From() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EnvironmentAnswer[]> {
    const at = await positionAsked(moment, this.asOf, reply);
    const query = new ListEnvironments(companyId, filter, limit, cursor ?? null, minPosition, at);
    const { environments, nextAfterId } = await this.queries.execute(query);
    linkNext(reply, `/api/companies/${companyId}/environments`, nextAfterId, { ...filter, limit, at });
    return environments.map((environment) => visibleEnvironment(environment, caller));
  }

  @Get('environments/:id')
  @Requires(null, 'environment')
  @ApiOperation({ summary: 'Get an environment' })
  @ApiAnswer({ status: 200, description: 'The environment.', type: EnvironmentAnswer, example: ENVIRONMENT_EXAMPLE })
  @ApiProblems('environment_not_found', 'read_model_behind', 'position_ahead_of_log', 'at_in_future', 'at_before_log')
  async get(
    @UuidParam('id') id: string,
    @Query() query: AtQuery,
    @MinPosition() minPosition: number | null,
    @From() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EnvironmentAnswer> {
    const at = await positionAsked(query.at, this.asOf, reply);
    return visibleEnvironment(await this.queries.execute(new GetEnvironment(id, minPosition, at)), caller);
  }

  @Patch('environments/:id')
  @Requires('environments:manage', 'environment')
  @ApiOperation({
    summary: 'Change, archive or reactivate an environment',
    description: 'Existing leases keep the settings that they were acquired with.',
  })
  @ApiRequest(PatchEnvironmentBody, {
    config: { summary: 'Another image', value: { config: { image: 'debian:12' } } },
    archive: { summary: 'No new leases', value: { status: 'archived' } },
  })
  @ApiAnswer({ status: 200, description: 'The current state.', type: EnvironmentAnswer, example: ENVIRONMENT_EXAMPLE })
  @ApiProblems(
    'environment_not_found',
    'local_environment_exists',
    'unsupported_environment',
    'driver_unavailable',
    'version_conflict',
    'idempotency_key_reused',
  )
  async patch(
    @UuidParam('id') id: string,
    @Body() body: PatchEnvironmentBody,
    @IfMatch() expectedVersion: number | null,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Environment> {
    const patch: EnvironmentPatch = { ...body };
    return answered(await this.commands.execute(new PatchEnvironment(id, patch, expectedVersion, context)), reply);
  }

  @Delete('environments/:id')
  @Requires('environments:manage', 'environment')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Delete an environment',
    description: 'Refused while it has unfinished leases. Its history and that of its leases stay.',
  })
  @ApiAnswer({ status: 200, description: 'The last state.', type: EnvironmentAnswer, example: ENVIRONMENT_EXAMPLE })
  @ApiProblems('environment_not_found', 'environment_in_use', 'version_conflict', 'idempotency_key_reused')
  async delete(
    @UuidParam('id') id: string,
    @IfMatch() expectedVersion: number | null,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Environment> {
    return answered(await this.commands.execute(new DeleteEnvironment(id, expectedVersion, context)), reply);
  }
}
