import { EventLog1700000000000 } from './1700000000000-event-log.js';
import { Subscriptions1700000000001 } from './1700000000001-subscriptions.js';
import { OpenStreamsIndex1700000000002 } from './1700000000002-open-streams-index.js';
import { Secrets1700000000003 } from './1700000000003-secrets.js';
import { Access1700000000004 } from './1700000000004-access.js';
import { CorrelationKeyMoves1700000000005 } from './1700000000005-correlation-key-moves.js';
import { ExecutionsUnderWay1700000000006 } from './1700000000006-executions-under-way.js';
import { SharedGuards1700000000007 } from './1700000000007-shared-guards.js';
import { Seals1700000000100 } from './1700000000100-seals.js';
import { GuardsWithoutLocks1700000000101 } from './1700000000101-guards-without-locks.js';
import { Webhooks1700000000102 } from './1700000000102-webhooks.js';
import { CheckpointEvents1700000000260 } from './1700000000260-checkpoint-events.js';
import { SyncsUnderWay1700000000280 } from './1700000000280-syncs-under-way.js';
import { WebhooksHeld1700000000340 } from './1700000000340-webhooks-held.js';
import { LeaseLiveness1700000000400 } from './1700000000400-lease-liveness.js';
import { EnvironmentFailures1700000000420 } from './1700000000420-environment-failures.js';

/** All migrations, in their order. */
export const MIGRATIONS = [
  EventLog1700000000000,
  Subscriptions1700000000001,
  OpenStreamsIndex1700000000002,
  Secrets1700000000003,
  Access1700000000004,
  CorrelationKeyMoves1700000000005,
  ExecutionsUnderWay1700000000006,
  SharedGuards1700000000007,
  Seals1700000000100,
  GuardsWithoutLocks1700000000101,
  Webhooks1700000000102,
  CheckpointEvents1700000000260,
  SyncsUnderWay1700000000280,
  WebhooksHeld1700000000340,
  LeaseLiveness1700000000400,
  EnvironmentFailures1700000000420,
];

/** Those that the event log alone stands on. */
export const EVENT_LOG_MIGRATIONS = [
  EventLog1700000000000,
  OpenStreamsIndex1700000000002,
  CorrelationKeyMoves1700000000005,
  SharedGuards1700000000007,
  GuardsWithoutLocks1700000000101,
];

/** Those that subscriptions and read models stand on besides. */
export const SUBSCRIPTION_MIGRATIONS = [Subscriptions1700000000001, CheckpointEvents1700000000260];
