import type { RecordedEvent } from './events.js';

/** The appender's queue is full. Nothing was recorded; try again later. */
export class LogOverloadedError extends Error {
  override readonly name = 'LogOverloadedError';
  constructor(readonly queued: number) {
    super(`The event log has ${queued} appends waiting and takes no more for now.`);
  }
}

/** Postgres could not be reached within the retry budget. Whether the append was recorded is not known; repeat it as it is. */
export class LogUnavailableError extends Error {
  override readonly name = 'LogUnavailableError';
  constructor(cause: unknown) {
    super('The event log cannot reach its database.', { cause });
  }
}

/** The log holds an event that this code does not know: it was written by a newer release. */
export class UnknownEventError extends Error {
  override readonly name = 'UnknownEventError';
  readonly type: string;
  readonly schemaVersion: number;
  readonly position: number;

  constructor({ type, schemaVersion, position }: Pick<RecordedEvent, 'type' | 'schemaVersion' | 'position'>) {
    super(`The event ${type} version ${schemaVersion} at position ${position} is not known to this release.`);
    this.type = type;
    this.schemaVersion = schemaVersion;
    this.position = position;
  }
}
