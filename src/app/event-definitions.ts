import { ACCESS_EVENTS } from '../domain/access/events.js';
import { ENVIRONMENT_EVENTS, LOCAL_ENVIRONMENT_EVENTS } from '../domain/environments/events.js';
import type { EventDefinition } from '../event-sourcing/event-log/index.js';
import { LEASE_EVENTS } from '../domain/leases/events.js';
import { SECRET_EVENTS } from '../domain/secrets/events.js';
import { WEBHOOK_EVENTS } from '../audit/webhooks/events.js';

/** Every event that this release writes or reads. */
export const EVENT_DEFINITIONS: readonly EventDefinition[] = [
  ...ENVIRONMENT_EVENTS,
  ...LOCAL_ENVIRONMENT_EVENTS,
  ...LEASE_EVENTS,
  ...SECRET_EVENTS,
  ...ACCESS_EVENTS,
  ...WEBHOOK_EVENTS,
];
