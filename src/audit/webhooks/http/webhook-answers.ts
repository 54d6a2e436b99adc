import { ApiProperty } from '@nestjs/swagger';
import { PAUSE_REASONS, type PauseReason, type WebhookFilter } from '../events.js';
import type { PendingDelivery } from '../outbox/outbox.js';
import { webhookJson, type WebhookJson } from '../webhook-json.js';
import type { WebhookView } from '../queries/webhook-reader.js';

const UUID = { type: 'string', format: 'uuid' } as const;
const TIME = { type: 'string', format: 'date-time' } as const;
const TEXT_OR_NULL = { type: 'string', nullable: true } as const;

export class WebhookFilterAnswer implements WebhookFilter {
  @ApiProperty({ type: 'array', items: { type: 'string' }, nullable: true }) type!: string[] | null;
  @ApiProperty(TEXT_OR_NULL) stream!: string | null;
  @ApiProperty({ ...UUID, nullable: true }) environmentId!: string | null;
  @ApiProperty({ ...UUID, nullable: true }) leaseId!: string | null;
  @ApiProperty({ ...UUID, nullable: true }) runId!: string | null;
}

export class WebhookPauseAnswer {
  @ApiProperty({ enum: PAUSE_REASONS }) reason!: PauseReason;
  @ApiProperty(TEXT_OR_NULL) detail!: string | null;
  @ApiProperty(TIME) at!: string;
}

export class WebhookAnswer implements WebhookJson {
  @ApiProperty(UUID) id!: string;
  @ApiProperty(UUID) companyId!: string;
  @ApiProperty() url!: string;
  @ApiProperty(TEXT_OR_NULL) description!: string | null;
  @ApiProperty({
    type: WebhookFilterAnswer,
    description: 'Null means no condition. An event must meet all conditions.',
  })
  filter!: WebhookFilterAnswer;
  @ApiProperty({ enum: ['active', 'paused'] }) status!: 'active' | 'paused';
  @ApiProperty({ type: WebhookPauseAnswer, nullable: true }) pause!: WebhookPauseAnswer | null;
  @ApiProperty({ description: 'The version of its secret. Versions start at 1.' }) secretVersion!: number;
  @ApiProperty({ ...TIME, nullable: true, description: 'The previous secret also signs deliveries until then.' })
  previousSecretUntil!: string | null;
  @ApiProperty(TIME) createdAt!: string;
  @ApiProperty(TIME) updatedAt!: string;
  @ApiProperty({ description: 'The number of its events.' }) version!: number;
  @ApiProperty({ description: 'Log position of its newest event.' }) position!: number;
}

export class WebhookWithSecretAnswer extends WebhookAnswer {
  @ApiProperty({
    type: 'string',
    nullable: true,
    description:
      'The key that signs deliveries. Only this answer contains it. Null when the command is repeated after the secret was removed.',
  })
  secret!: string | null;
}

export class DeliveryProgressAnswer {
  @ApiProperty({ description: 'Events up to this position are delivered or are among the deliveries.' })
  cursor!: number;
  @ApiProperty({ description: 'How many log positions the cursor is behind.' }) lag!: number;
  @ApiProperty({ description: 'Undelivered events up to the cursor.' }) pending!: number;
  @ApiProperty({ description: 'Failed attempts in a row at one event since the last success.' })
  consecutiveFailures!: number;
  @ApiProperty({ ...TIME, nullable: true }) lastSuccessAt!: string | null;
  @ApiProperty({ ...TIME, nullable: true }) lastFailureAt!: string | null;
  @ApiProperty(TEXT_OR_NULL) lastFailure!: string | null;
}

export class WebhookViewAnswer extends WebhookAnswer {
  @ApiProperty({ type: DeliveryProgressAnswer }) deliveries!: DeliveryProgressAnswer;
}

export class WebhookPageAnswer {
  @ApiProperty({ type: [WebhookViewAnswer] }) items!: WebhookViewAnswer[];
  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'Send it as `cursor` for the next page. Null on the last page.',
  })
  nextCursor!: string | null;
}

export class PendingDeliveryAnswer implements PendingDelivery {
  @ApiProperty({ description: 'The log position of the event.' }) position!: number;
  @ApiProperty() stream!: string;
  @ApiProperty({
    enum: ['waiting', 'due', 'retrying', 'under_way'],
    description: '`waiting`: an earlier event of its stream comes first.',
  })
  state!: PendingDelivery['state'];
  @ApiProperty({ description: 'Failed attempts.' }) attempts!: number;
  @ApiProperty({ ...TIME, nullable: true }) nextAttemptAt!: string | null;
  @ApiProperty({ type: 'integer', nullable: true }) lastStatus!: number | null;
  @ApiProperty(TEXT_OR_NULL) lastFailure!: string | null;
}

export class DeliveriesAnswer extends DeliveryProgressAnswer {
  @ApiProperty({ type: [PendingDeliveryAnswer] }) items!: PendingDeliveryAnswer[];
  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'Send it as `cursor` for the next page. Null on the last page.',
  })
  nextCursor!: string | null;
}

export function progressAnswer(view: WebhookView): DeliveryProgressAnswer {
  const { cursor, lag, pending, failures: consecutiveFailures, lastSuccessAt, lastFailureAt, lastFailure } = view;
  return { cursor, lag, pending, consecutiveFailures, lastSuccessAt, lastFailureAt, lastFailure };
}

export function viewAnswer(view: WebhookView): WebhookViewAnswer {
  return { ...webhookJson(view.webhook), deliveries: progressAnswer(view) };
}
