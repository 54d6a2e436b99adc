import { Body, Controller, Delete, Get, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EventLog } from '../../../event-sourcing/event-log/index.js';
import {
  ApiAnswer,
  ApiProblems,
  ApiRequest,
  From,
  Requires,
  UuidParam,
  type Caller,
} from '../../../platform/http/index.js';
import { createToken, revokeToken } from '../token-changes.js';
import { TokenDirectory } from '../token-directory.js';
import { tokenJson } from '../token-json.js';
import { allTokens } from '../token-rows.js';
import { MadeTokenAnswer, TOKEN_EXAMPLE, TokenAnswer, TokenListAnswer } from './token-answers.js';
import { CreateTokenBody } from './token-bodies.js';

@ApiTags('access')
@Controller('api/tokens')
export class TokensController {
  constructor(
    private readonly log: EventLog,
    private readonly directory: TokenDirectory,
  ) {}

  @Post()
  @Requires('admin', 'service')
  @ApiOperation({
    summary: 'Create a token',
    description:
      'Only this answer contains the value, so an `Idempotency-Key` has no effect. Once a token exists, every request needs one.',
  })
  @ApiRequest(CreateTokenBody, {
    ci: {
      summary: 'For one company',
      value: { name: TOKEN_EXAMPLE.name, companies: TOKEN_EXAMPLE.companies, permissions: TOKEN_EXAMPLE.permissions },
    },
  })
  @ApiAnswer({
    status: 201,
    description: 'Made.',
    type: MadeTokenAnswer,
    example: { ...TOKEN_EXAMPLE, value: `lh_${TOKEN_EXAMPLE.id}_…` },
  })
  async create(
    @Body() { name, companies, permissions, expiresAt = null }: CreateTokenBody,
    @From() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MadeTokenAnswer> {
    const wanted = {
      name,
      companies,
      permissions,
      expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    };
    const made = await createToken(this.log, wanted, { actor: caller.actor, correlationId: request.id });
    this.directory.changed(made.row.id);
    void reply.header('X-Event-Position', made.position);
    return { ...tokenJson(made.row), value: made.value };
  }

  @Get()
  @Requires('admin', 'service')
  @ApiOperation({ summary: 'List the tokens', description: 'Oldest first, including revoked and expired ones.' })
  @ApiAnswer({
    status: 200,
    description: 'All tokens, without their values.',
    type: TokenListAnswer,
    example: { items: [TOKEN_EXAMPLE], nextCursor: null },
  })
  async list(): Promise<TokenListAnswer> {
    return { items: (await allTokens(this.log.pool)).map(tokenJson), nextCursor: null };
  }

  @Delete(':tokenId')
  @HttpCode(200)
  @Requires('admin', 'service')
  @ApiOperation({ summary: 'Revoke a token', description: 'Revoking it again changes nothing.' })
  @ApiAnswer({ status: 200, description: 'The current state.', type: TokenAnswer, example: TOKEN_EXAMPLE })
  @ApiProblems('token_not_found')
  async revoke(
    @UuidParam('tokenId') tokenId: string,
    @From() caller: Caller,
    @Req() request: FastifyRequest,
  ): Promise<TokenAnswer> {
    const row = await revokeToken(this.log, tokenId, { actor: caller.actor, correlationId: request.id });
    this.directory.changed(tokenId);
    return tokenJson(row);
  }
}
