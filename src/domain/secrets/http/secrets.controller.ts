import { Body, Controller, Delete, Get, HttpCode, Post, Query, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import {
  ApiAnswer,
  ApiProblems,
  ApiRequest,
  Context,
  MinPosition,
  Requires,
  UuidParam,
} from '../../../platform/http/index.js';
import { CreateSecret } from '../commands/create-secret.js';
import { DeleteSecret } from '../commands/delete-secret.js';
import { RotateSecret } from '../commands/rotate-secret.js';
import { ListSecrets } from '../queries/list-secrets.js';
import { secretJson, type SecretJson } from '../secret-json.js';
import type { Secret } from '../state.js';
import { SECRET_EXAMPLE, SecretAnswer, SecretPageAnswer } from './secret-answers.js';
import { CreateSecretBody, RotateSecretBody, SecretsQuery } from './secret-bodies.js';

const PAGE_SIZE = 50;

@ApiTags('secrets')
@Controller('api/companies/:companyId/secrets')
export class SecretsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  @Post()
  @Requires('environments:manage', 'company')
  @ApiOperation({ summary: 'Create a secret', description: 'Configs refer to it. No answer contains its value.' })
  @ApiRequest(CreateSecretBody, {
    key: { summary: 'A value for configs to refer to', value: { name: 'Deploy key', value: 'the value' } },
  })
  @ApiAnswer({ status: 201, description: 'Made.', type: SecretAnswer, example: SECRET_EXAMPLE })
  @ApiProblems('idempotency_key_reused', 'version_conflict')
  async create(
    @UuidParam('companyId') companyId: string,
    @Body() { name, value }: CreateSecretBody,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SecretJson> {
    return answered(await this.commands.execute(new CreateSecret(companyId, name, value, context)), reply);
  }

  @Get()
  @Requires('environments:manage', 'company')
  @ApiOperation({ summary: 'List a company’s secrets', description: 'Newest first, without values.' })
  @ApiAnswer({
    status: 200,
    description: 'A page of secrets.',
    type: SecretPageAnswer,
    example: { items: [SECRET_EXAMPLE], nextCursor: null },
  })
  @ApiProblems('read_model_behind', 'position_ahead_of_log')
  async list(
    @UuidParam('companyId') companyId: string,
    @Query() { limit = PAGE_SIZE, cursor }: SecretsQuery,
    @MinPosition() minPosition: number | null,
  ): Promise<SecretPageAnswer> {
    const page = await this.queries.execute(new ListSecrets(companyId, limit, cursor ?? null, minPosition));
    return { items: page.secrets.map(secretJson), nextCursor: page.nextBeforeId };
  }

  @Post(':secretId/rotate')
  @HttpCode(200)
  @Requires('environments:manage', 'secret')
  @ApiOperation({
    summary: 'Set a new value for a secret',
    description: 'References to `latest` use it from now on. References to a version keep their value.',
  })
  @ApiRequest(RotateSecretBody, { value: { summary: 'A new value', value: { value: 'the new value' } } })
  @ApiAnswer({ status: 200, description: 'The current state.', type: SecretAnswer, example: SECRET_EXAMPLE })
  @ApiProblems('secret_not_found', 'idempotency_key_reused', 'version_conflict')
  async rotate(
    @UuidParam('companyId') companyId: string,
    @UuidParam('secretId') secretId: string,
    @Body() { value }: RotateSecretBody,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SecretJson> {
    return answered(await this.commands.execute(new RotateSecret(companyId, secretId, value, context)), reply);
  }

  @Delete(':secretId')
  @HttpCode(200)
  @Requires('environments:manage', 'secret')
  @ApiOperation({
    summary: 'Delete a secret and its values',
    description: 'Refused while a config or an unfinished lease refers to it.',
  })
  @ApiAnswer({ status: 200, description: 'The last state.', type: SecretAnswer, example: SECRET_EXAMPLE })
  @ApiProblems('secret_not_found', 'secret_in_use', 'idempotency_key_reused', 'version_conflict')
  async delete(
    @UuidParam('companyId') companyId: string,
    @UuidParam('secretId') secretId: string,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SecretJson> {
    return answered(await this.commands.execute(new DeleteSecret(companyId, secretId, context)), reply);
  }
}

function answered(secret: Secret, reply: FastifyReply): SecretJson {
  void reply.header('X-Event-Position', secret.position);
  return secretJson(secret);
}
