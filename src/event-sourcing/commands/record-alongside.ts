import type { PoolClient } from 'pg';
import { isContention, type Append, type EventLog, type Verdict } from '../event-log/index.js';

/** Changes rows in the transaction of an append. It is called again when the append has to be tried again. */
export type Alongside = (client: PoolClient) => Promise<void>;

/** Thrown by an `Alongside` that finds rows other than those it was planned on: the command is planned again. */
export class Outdated extends Error {
  override readonly name = 'Outdated';
}

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
    if (isInTheWay(error)) return 'in the way';
    throw error;
  }
}

/**
 * Changes rows for a command that has nothing to append, and so without the log's lock.
 * @returns whether it was done; else another transaction was in the way
 */
export async function changeRows(log: EventLog, change: Alongside): Promise<boolean> {
  try {
    await log.transaction(({ client }) => change(client));
    return true;
  } catch (error) {
    if (isInTheWay(error)) return false;
    throw error;
  }
}

function isInTheWay(error: unknown): boolean {
  return error instanceof Outdated || isContention(error);
}
