import type {
  DeliveriesAnswer,
  DeliveryProgressAnswer,
  WebhookAnswer,
  WebhookViewAnswer,
  WebhookWithSecretAnswer,
} from './webhook-answers.js';

export const WEBHOOK_EXAMPLE: WebhookAnswer = {
  id: '019ab7a5-7c1d-7e42-8f30-2b4d6a8c0e1f',
  companyId: '3f0c9a52-8a4e-4d0b-9a57-6f1e2d3c4b5a',
  url: 'https://hooks.example.com/leasehold',
  description: 'Billing',
  filter: { type: ['LeaseActivated', 'LeaseReleased'], stream: null, environmentId: null, leaseId: null, runId: null },
  status: 'active',
  pause: null,
  secretVersion: 1,
  previousSecretUntil: null,
  createdAt: '2026-11-25T09:12:00.000Z',
  updatedAt: '2026-11-25T09:12:00.000Z',
  version: 1,
  position: 812,
};

export const MADE_EXAMPLE: WebhookWithSecretAnswer = { ...WEBHOOK_EXAMPLE, secret: 'whsec_…' };

export const ROTATED_EXAMPLE: WebhookWithSecretAnswer = {
  ...MADE_EXAMPLE,
  secretVersion: 2,
  previousSecretUntil: '2026-11-26T10:00:00.000Z',
  updatedAt: '2026-11-25T10:00:00.000Z',
  version: 2,
  position: 930,
};

export const PAUSED_EXAMPLE: WebhookAnswer = {
  ...WEBHOOK_EXAMPLE,
  status: 'paused',
  pause: { reason: 'requested', detail: null, at: '2026-11-25T10:00:00.000Z' },
  updatedAt: '2026-11-25T10:00:00.000Z',
  version: 2,
  position: 930,
};

const PROGRESS: DeliveryProgressAnswer = {
  cursor: 934,
  lag: 0,
  pending: 1,
  consecutiveFailures: 2,
  lastSuccessAt: '2026-11-25T10:01:10.210Z',
  lastFailureAt: '2026-11-25T10:01:12.480Z',
  lastFailure: 'It answered 503',
};

export const VIEW_EXAMPLE: WebhookViewAnswer = { ...WEBHOOK_EXAMPLE, deliveries: PROGRESS };

export const DELIVERIES_EXAMPLE: DeliveriesAnswer = {
  ...PROGRESS,
  items: [
    {
      position: 931,
      stream: 'lease-018f4b6e-7a3c-7d21-9b0e-5c1d2e3f4a5e',
      state: 'retrying',
      attempts: 2,
      nextAttemptAt: '2026-11-25T10:01:17.480Z',
      lastStatus: 503,
      lastFailure: 'It answered 503',
    },
  ],
  nextCursor: null,
};
