import { Body, Controller, Get, HttpCode, Post, Query, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
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
import { RotateWebhookSecret } from '../commands/rotate-webhook-secret.js';
import { WebhookReader } from '../queries/webhook-reader.js';
import { answered, answeredWithSecret } from './answered.js';
import { DeliveriesAnswer, progressAnswer, WebhookAnswer, WebhookWithSecretAnswer } from './webhook-answers.js';
import { DEFAULT_OVERLAP_SECONDS, DeliveriesQuery, RedeliverBody, RotateWebhookSecretBody } from './webhook-bodies.js';
import { DELIVERIES_EXAMPLE, PAUSED_EXAMPLE, ROTATED_EXAMPLE, WEBHOOK_EXAMPLE } from './webhook-examples.js';

const PAGE_SIZE = 100;

@ApiTags('webhooks')
@Controller('api/companies/:companyId/webhooks/:webhookId')
export class WebhookDeliveriesController {
  constructor(
    private readonly commands: CommandBus,
    private readonly reader: WebhookReader,
    private readonly log: EventLog,
  ) {}

  @Get('deliveries')
  @Requires(['admin', 'audit:read'], 'webhook')
  @ApiOperation({
    summary: 'List the undelivered events of a webhook',
    description: 'In log order, with the last failure. Delivered events are not listed.',
  })
  @ApiAnswer({ status: 200, description: 'A page of deliveries.', type: DeliveriesAnswer, example: DELIVERIES_EXAMPLE })
  @ApiProblems('webhook_not_found', 'read_model_behind', 'position_ahead_of_log')
  async deliveries(
    @UuidParam('companyId') companyId: string,
    @UuidParam('webhookId') webhookId: string,
    @Query() { limit = PAGE_SIZE, cursor = 0 }: DeliveriesQuery,
    @MinPosition() minPosition: number | null,
  ): Promise<DeliveriesAnswer> {
    const view = await this.reader.get(companyId, webhookId, minPosition);
    const found = await this.reader.pending(webhookId, cursor, limit + 1);
    const items = found.slice(0, limit);
    const nextCursor = found.length > limit ? String(items.at(-1)?.position) : null;
    return { ...progressAnswer(view), items, nextCursor };
  }

  @Post('rotate-secret')
  @HttpCode(200)
  @Requires('admin', 'webhook')
  @ApiOperation({
    summary: 'Replace a webhook’s secret',
    description: 'For a while, the previous secret also signs deliveries.',
  })
  @ApiRequest(RotateWebhookSecretBody, {
    overlap: { summary: 'With a day to change over', value: { overlapSeconds: DEFAULT_OVERLAP_SECONDS } },
    leaked: { summary: 'The old secret leaked', value: { overlapSeconds: 0 } },
  })
  @ApiAnswer({
    status: 200,
    description: 'The current state.',
    type: WebhookWithSecretAnswer,
    example: ROTATED_EXAMPLE,
  })
  @ApiProblems('webhook_not_found', 'idempotency_key_reused', 'version_conflict')
  async rotateSecret(
    @UuidParam('companyId') companyId: string,
    @UuidParam('webhookId') webhookId: string,
    @Body() { overlapSeconds = DEFAULT_OVERLAP_SECONDS }: RotateWebhookSecretBody,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WebhookWithSecretAnswer> {
    const command = new RotateWebhookSecret(companyId, webhookId, overlapSeconds, context);
    return answeredWithSecret(await this.commands.execute(command), reply);
  }

  @Post('pause')
  @HttpCode(200)
  @Requires('admin', 'webhook')
  @ApiOperation({ summary: 'Pause a webhook', description: 'Events that come meanwhile are sent after it is resumed.' })
  @ApiAnswer({ status: 200, description: 'The current state.', type: WebhookAnswer, example: PAUSED_EXAMPLE })
  @ApiProblems('webhook_not_found', 'idempotency_key_reused', 'version_conflict')
  async pause(
    @UuidParam('companyId') companyId: string,
    @UuidParam('webhookId') webhookId: string,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WebhookAnswer> {
    const change = { kind: 'pause', reason: 'requested', detail: null } as const;
    return answered(await this.commands.execute(new ChangeWebhook(companyId, webhookId, change, context)), reply);
  }

  @Post('resume')
  @HttpCode(200)
  @Requires('admin', 'webhook')
  @ApiOperation({
    summary: 'Resume a webhook',
    description: 'It receives the events that it missed, in order for each stream.',
  })
  @ApiAnswer({ status: 200, description: 'The current state.', type: WebhookAnswer, example: WEBHOOK_EXAMPLE })
  @ApiProblems('webhook_not_found', 'idempotency_key_reused', 'version_conflict')
  async resume(
    @UuidParam('companyId') companyId: string,
    @UuidParam('webhookId') webhookId: string,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WebhookAnswer> {
    const change = { kind: 'resume' } as const;
    return answered(await this.commands.execute(new ChangeWebhook(companyId, webhookId, change, context)), reply);
  }

  @Post('redeliver')
  @HttpCode(200)
  @Requires('admin', 'webhook')
  @ApiOperation({
    summary: 'Redeliver events',
    description:
      'All events from a log position on that match the filter, also those from before the webhook was created. Each keeps its `webhook-id`.',
  })
  @ApiRequest(RedeliverBody, { all: { summary: 'From the beginning', value: { from: 1 } } })
  @ApiAnswer({ status: 200, description: 'The current state.', type: WebhookAnswer, example: WEBHOOK_EXAMPLE })
  @ApiProblems('webhook_not_found', 'position_ahead_of_log', 'idempotency_key_reused', 'version_conflict')
  async redeliver(
    @UuidParam('companyId') companyId: string,
    @UuidParam('webhookId') webhookId: string,
    @Body() { from }: RedeliverBody,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WebhookAnswer> {
    const change = { kind: 'redeliver', from, head: await this.log.read.head() } as const;
    return answered(await this.commands.execute(new ChangeWebhook(companyId, webhookId, change, context)), reply);
  }
}
