import {
  inabilityOf,
  isConnectionFailure,
  isContention,
  LogOverloadedError,
  LogUnavailableError,
  type RecordedEvent,
} from '../event-log/index.js';

/** Another process has claimed the subscription: what was being done for it has been rolled back. */
export class OwnershipLostError extends Error {
  override readonly name = 'OwnershipLostError';
  constructor(readonly subscription: string) {
    super(`The subscription ${subscription} now belongs to another process.`);
  }
}

/**
 * To be thrown by a handler that was overtaken, for example by a command that moved on a stream which it appends to. The
 * batch is handled again for as long as it takes: being overtaken is never a reason to park a stream.
 */
export class OvertakenError extends Error {
  override readonly name = 'OvertakenError';
  constructor(event: RecordedEvent, detail: string) {
    super(`Overtaken while handling ${event.type} at position ${event.position}: ${detail}`);
  }
}

/** Input or output (58), a right that was taken away (42501): nothing that an event is to blame for. */
const NOT_THE_EVENTS_FAULT = /^(58|42501)/;

/** A failure of the surroundings, not of an event: it is tried again for ever. */
export function isPassing(error: unknown): boolean {
  return (
    isConnectionFailure(error) ||
    isContention(error) ||
    error instanceof OvertakenError ||
    error instanceof LogUnavailableError ||
    error instanceof LogOverloadedError ||
    inabilityOf(error) !== null ||
    NOT_THE_EVENTS_FAULT.test(sqlState(error))
  );
}

/** SQLSTATE of an error that Postgres sent, else ''. */
export function sqlState(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

export function textOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  // Postgres takes no NUL in a text.
  return text.replaceAll('\0', '').slice(0, 2_000);
}
