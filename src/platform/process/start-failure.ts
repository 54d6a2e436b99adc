import { ConfigError } from '../config/config.js';
import { EmbeddedPostgresError } from '../embedded/index.js';
import { inabilityOf, isConnectionFailure } from '../../event-sourcing/event-log/index.js';

/**
 * Why the service does not start, in words, where that is not a mistake of its own: settings, the database, or what the
 * operating system refused (a folder, a full disk, an address). Null: a bug, to be shown with its stack.
 */
export function startFailureOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (error instanceof ConfigError || error instanceof EmbeddedPostgresError) return error.message;
  if (inabilityOf(error) !== null || isConnectionFailure(error)) return `The database failed: ${reasonOf(error)}`;
  return 'syscall' in error ? `The operating system refused: ${reasonOf(error)}` : null;
}

/** Node gives a refused connection a code and no message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ('code' in error ? String(error.code) : error.name);
}
