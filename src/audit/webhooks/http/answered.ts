import type { FastifyReply } from 'fastify';
import type { WithSecret } from '../commands/create-webhook.js';
import type { Webhook } from '../state.js';
import { webhookJson, type WebhookJson } from '../webhook-json.js';
import type { WebhookWithSecretAnswer } from './webhook-answers.js';

export function answered(webhook: Webhook, reply: FastifyReply): WebhookJson {
  void reply.header('X-Event-Position', webhook.position);
  return webhookJson(webhook);
}

export function answeredWithSecret({ webhook, secret }: WithSecret, reply: FastifyReply): WebhookWithSecretAnswer {
  return { ...answered(webhook, reply), secret };
}
