import type { PoolClient } from 'pg';
import { isContention, type Append, type EventLog, type Verdict } from '../event-log/index.js';

/** Changes rows in the transaction of an append. It is called again when the append has to be tried again. */
export type Alongside = (client: PoolClient) => Promise<void>;

/** Undoes the transaction of an append that was refused. */
class Refused extends Error {
  override readonly name = 'Refused';
  constructor(readonly verdict: Verdict) {
    super('The append was refused.');
  }
}

/**
 * Records an append together with changes of rows that belong to it: both are committed or neither is.
 * @returns `in the way` where another transaction was: nothing was recorded, and the same may succeed now
 */
export async function recordAlongside(
  log: EventLog,
  append: Append,
  alongside: Alongside,
): Promise<Verdict | 'in the way'> {
  try {
    return await log.transaction(async (transaction) => {
      await alongside(transaction.client);
      // Last, for it takes the log's lock.
      const verdict = await transaction.append(append);
      if (verdict.kind !== 'ok') throw new Refused(verdict);
      return verdict;
    });
  } catch (error) {
    if (error instanceof Refused) return error.verdict;
    if (isContention(error)) return 'in the way';
    throw error;
  }
}
