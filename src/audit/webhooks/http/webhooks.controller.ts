import { Body, Controller, Delete, Get, HttpCode, Inject, Patch, Post, Query, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CONFIG, type Config } from '../../../platform/config/config.js';
import { EventLog } from '../../../event-sourcing/event-log/index.js';
import {
  ApiAnswer,
  ApiProblems,
  ApiRequest,
  Context,
  MinPosition,
  Requires,
  UuidParam,
} from '../../../platform/http/index.js';
import { ChangeWebhook } from '../commands/change-webhook.js';
import { CreateWebhook } from '../commands/create-webhook.js';
import { WebhookReader } from '../queries/webhook-reader.js';
import { answered, answeredWithSecret } from './answered.js';
import {
  viewAnswer,
  WebhookAnswer,
  WebhookPageAnswer,
  WebhookViewAnswer,
  WebhookWithSecretAnswer,
} from './webhook-answers.js';
import { CreateWebhookBody, PatchWebhookBody, WebhooksQuery } from './webhook-bodies.js';
import { MADE_EXAMPLE, VIEW_EXAMPLE, WEBHOOK_EXAMPLE } from './webhook-examples.js';
import { addressOf, filterOf } from './webhook-input.js';

const PAGE_SIZE = 50;

@ApiTags('webhooks')
@Controller('api/companies/:companyId/webhooks')
export class WebhooksController {
  constructor(
    private readonly commands: CommandBus,
    private readonly reader: WebhookReader,
    private readonly log: EventLog,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Post()
  @Requires('admin', 'company')
  @ApiOperation({
    summary: 'Create a webhook',
    description:
      'It receives the company’s events from now on, in the format of the feed, at least once and in order for each stream, signed as in Standard Webhooks. Configs of environments and events about webhooks are left out.',
  })
  @ApiRequest(CreateWebhookBody, {
    all: { summary: 'Every event', value: { url: WEBHOOK_EXAMPLE.url } },
    some: {
      summary: 'Leases that begin and end',
      value: { url: WEBHOOK_EXAMPLE.url, description: 'Billing', filter: { type: WEBHOOK_EXAMPLE.filter.type } },
    },
  })
  @ApiAnswer({ status: 201, description: 'Made.', type: WebhookWithSecretAnswer, example: MADE_EXAMPLE })
  @ApiProblems('webhook_address_refused', 'idempotency_key_reused', 'version_conflict')
  async create(
    @UuidParam('companyId') companyId: string,
    @Body() { url, description = null, filter = {} }: CreateWebhookBody,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WebhookWithSecretAnswer> {
    const settings = { url: this.address(url), description, filter: filterOf(filter, this.log.catalogue.all()) };
    return answeredWithSecret(await this.commands.execute(new CreateWebhook(companyId, settings, context)), reply);
  }

  @Get()
  @Requires(['admin', 'audit:read'], 'company')
  @ApiOperation({
    summary: 'List a company’s webhooks',
    description: 'Newest first, with the progress of their deliveries.',
  })
  @ApiAnswer({
    status: 200,
    description: 'A page of webhooks.',
    type: WebhookPageAnswer,
    example: { items: [VIEW_EXAMPLE], nextCursor: null },
  })
  @ApiProblems('read_model_behind', 'position_ahead_of_log')
  async list(
    @UuidParam('companyId') companyId: string,
    @Query() { limit = PAGE_SIZE, cursor }: WebhooksQuery,
    @MinPosition() minPosition: number | null,
  ): Promise<WebhookPageAnswer> {
    const views = await this.reader.list(companyId, cursor ?? null, limit + 1, minPosition);
    const items = views.slice(0, limit).map(viewAnswer);
    return { items, nextCursor: views.length > limit ? (items.at(-1)?.id ?? null) : null };
  }

  @Get(':webhookId')
  @Requires(['admin', 'audit:read'], 'webhook')
  @ApiOperation({ summary: 'Get a webhook', description: 'With the progress of its deliveries.' })
  @ApiAnswer({ status: 200, description: 'The current state.', type: WebhookViewAnswer, example: VIEW_EXAMPLE })
  @ApiProblems('webhook_not_found', 'read_model_behind', 'position_ahead_of_log')
  async get(
    @UuidParam('companyId') companyId: string,
    @UuidParam('webhookId') webhookId: string,
    @MinPosition() minPosition: number | null,
  ): Promise<WebhookViewAnswer> {
    return viewAnswer(await this.reader.get(companyId, webhookId, minPosition));
  }

  @Patch(':webhookId')
  @Requires('admin', 'webhook')
  @ApiOperation({
    summary: 'Change a webhook',
    description:
      'Absent fields stay unchanged. The change applies to events from now on. Waiting events go to the new address.',
  })
  @ApiRequest(PatchWebhookBody, { url: { summary: 'Another address', value: { url: WEBHOOK_EXAMPLE.url } } })
  @ApiAnswer({ status: 200, description: 'The current state.', type: WebhookAnswer, example: WEBHOOK_EXAMPLE })
  @ApiProblems('webhook_not_found', 'webhook_address_refused', 'idempotency_key_reused', 'version_conflict')
  async patch(
    @UuidParam('companyId') companyId: string,
    @UuidParam('webhookId') webhookId: string,
    @Body() { url, description, filter }: PatchWebhookBody,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WebhookAnswer> {
    const settings = {
      ...(url !== undefined && { url: this.address(url) }),
      ...(description !== undefined && { description }),
      ...(filter !== undefined && { filter: filterOf(filter, this.log.catalogue.all()) }),
    };
    const change = { kind: 'change', settings } as const;
    return answered(await this.commands.execute(new ChangeWebhook(companyId, webhookId, change, context)), reply);
  }

  @Delete(':webhookId')
  @HttpCode(200)
  @Requires('admin', 'webhook')
  @ApiOperation({ summary: 'Delete a webhook', description: 'Also deletes its secret and its undelivered events.' })
  @ApiAnswer({ status: 200, description: 'The last state.', type: WebhookAnswer, example: WEBHOOK_EXAMPLE })
  @ApiProblems('webhook_not_found', 'idempotency_key_reused', 'version_conflict')
  async delete(
    @UuidParam('companyId') companyId: string,
    @UuidParam('webhookId') webhookId: string,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WebhookAnswer> {
    const change = { kind: 'delete' } as const;
    return answered(await this.commands.execute(new ChangeWebhook(companyId, webhookId, change, context)), reply);
  }

  private address(url: string): string {
    return addressOf(url, this.config.webhooks.privateAddresses);
  }
}
