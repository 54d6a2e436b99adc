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
  @ApiProperty({ type: WebhookFilterAnswer, description: 'Null is no condition; of several all must hold.' })
  filter!: WebhookFilterAnswer;
  @ApiProperty({ enum: ['active', 'paused'] }) status!: 'active' | 'paused';
  @ApiProperty({ type: WebhookPauseAnswer, nullable: true }) pause!: WebhookPauseAnswer | null;
  @ApiProperty({ description: 'The version of its secret; versions count from 1.' }) secretVersion!: number;
  @ApiProperty({ ...TIME, nullable: true, description: 'Until when an earlier secret signs too.' })
  previousSecretUntil!: string | null;
  @ApiProperty(TIME) createdAt!: string;
  @ApiProperty(TIME) updatedAt!: string;
  @ApiProperty({ description: 'How many events it has had.' }) version!: number;
  @ApiProperty({ description: 'Log position of its newest event.' }) position!: number;
}

export class WebhookWithSecretAnswer extends WebhookAnswer {
  @ApiProperty({
    type: 'string',
    nullable: true,
    description:
      'What deliveries are signed with. It is answered to this command alone; null where that is repeated after the secret has gone.',
  })
  secret!: string | null;
}

export class DeliveryProgressAnswer {
  @ApiProperty({ description: 'Events up to here have been delivered, or are among the deliveries.' }) cursor!: number;
  @ApiProperty({ description: 'Positions of the log behind the cursor.' }) lag!: number;
  @ApiProperty({ description: 'Events that are to be delivered, as far as the cursor.' }) pending!: number;
  @ApiProperty({ description: 'How often in a row one event has failed, with no success since.' })
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
  @ApiProperty({ type: 'string', nullable: true, description: 'Give it as `cursor`; null on the last page.' })
  nextCursor!: string | null;
}

export class PendingDeliveryAnswer implements PendingDelivery {
  @ApiProperty({ description: 'Of the event.' }) position!: number;
  @ApiProperty() stream!: string;
  @ApiProperty({
    enum: ['waiting', 'due', 'retrying', 'under_way'],
    description: '`waiting`: for an earlier event of its stream.',
  })
  state!: PendingDelivery['state'];
  @ApiProperty({ description: 'Those that have failed.' }) attempts!: number;
  @ApiProperty({ ...TIME, nullable: true }) nextAttemptAt!: string | null;
  @ApiProperty({ type: 'integer', nullable: true }) lastStatus!: number | null;
  @ApiProperty(TEXT_OR_NULL) lastFailure!: string | null;
}

export class DeliveriesAnswer extends DeliveryProgressAnswer {
  @ApiProperty({ type: [PendingDeliveryAnswer] }) items!: PendingDeliveryAnswer[];
  @ApiProperty({ type: 'string', nullable: true, description: 'Give it as `cursor`; null on the last page.' })
  nextCursor!: string | null;
}

export function progressAnswer(view: WebhookView): DeliveryProgressAnswer {
  const { cursor, lag, pending, failures: consecutiveFailures, lastSuccessAt, lastFailureAt, lastFailure } = view;
  return { cursor, lag, pending, consecutiveFailures, lastSuccessAt, lastFailureAt, lastFailure };
}

export function viewAnswer(view: WebhookView): WebhookViewAnswer {
  return { ...webhookJson(view.webhook), deliveries: progressAnswer(view) };
}
