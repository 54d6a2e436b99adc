import { ACCESS_EVENTS } from './access/events.js';
import { ENVIRONMENT_EVENTS, LOCAL_ENVIRONMENT_EVENTS } from './environments/events.js';
import type { EventDefinition } from './event-log/index.js';
import { LEASE_EVENTS } from './leases/events.js';
import { SECRET_EVENTS } from './secrets/events.js';
import { WEBHOOK_EVENTS } from './webhooks/events.js';

/** Every event that this release writes or reads. */
export const EVENT_DEFINITIONS: readonly EventDefinition[] = [
  ...ENVIRONMENT_EVENTS,
  ...LOCAL_ENVIRONMENT_EVENTS,
  ...LEASE_EVENTS,
  ...SECRET_EVENTS,
  ...ACCESS_EVENTS,
  ...WEBHOOK_EVENTS,
];
