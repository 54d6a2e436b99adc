import type { FeedEvent } from '../event-frames.js';

export const EVENT_EXAMPLE: FeedEvent = {
  position: 812,
  stream: 'lease-018f4b6e-7a3c-7d21-9b0e-5c1d2e3f4a5e',
  version: 3,
  id: '018f4b6e-7a3c-7d21-9b0e-5c1d2e3f4a5f',
  type: 'LeaseReleased',
  schemaVersion: 1,
  companyId: '3f0c9a52-8a4e-4d0b-9a57-6f1e2d3c4b5a',
  actor: 'operator:local',
  correlationId: '018f4b6e-7a3c-7d21-9b0e-5c1d2e3f4a60',
  causationId: null,
  recordedAt: '2026-11-24T09:30:00.000Z',
  data: {},
};
