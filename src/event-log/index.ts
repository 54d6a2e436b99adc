export type { Append, FirstResult, Idempotency, StreamGuard, StreamWrite, Verdict } from './append.js';
export type { CommitterOptions } from './committer.js';
export { EventCatalogue, type EventDefinition } from './event-catalogue.js';
export { EventLog, type LogTransaction } from './event-log.js';
export type { Json, NewEvent, RecordedEvent } from './events.js';
export { LogOverloadedError, LogUnavailableError, UnknownEventError } from './errors.js';
export { createLogPool } from './log-pool.js';
export type { Queryable, ReadAfterOptions } from './log-reader.js';
export { isConnectionFailure, isContention } from './postgres-errors.js';
