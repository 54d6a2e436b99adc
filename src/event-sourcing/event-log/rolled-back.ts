import type { ClientBase } from 'pg';
import { isConnectionFailure } from './postgres-errors.js';

/**
 * Ends a transaction that failed. A database that did not answer is not asked once more: who waits for it has waited.
 * @returns whether the connection can be used again
 */
export async function rolledBack(client: ClientBase, failure: unknown): Promise<boolean> {
  if (isConnectionFailure(failure)) return false;
  return client.query('ROLLBACK').then(
    () => true,
    () => false,
  );
}
