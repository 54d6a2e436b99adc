import type pg from 'pg';
import { isConnectionFailure, rolledBack, type EventLog, type LogTransaction } from '../event-log/index.js';
import { OwnershipLostError, sqlState } from './errors.js';

/** Where an owner stands, and by which right. */
export interface Held {
  readonly name: string;
  readonly checkpoint: number;
  readonly fence: number;
  /** Of the log's history, as this process knew it at the claim. */
  readonly epoch: number;
}

/**
 * A process that stops in the middle of a transaction (SIGSTOP, a suspended machine) must not hold its locks, above all
 * the log's, for ever.
 */
const BEGIN = `BEGIN; SET LOCAL idle_in_transaction_session_timeout = '60s'`;

/**
 * Runs work in a transaction that moves the checkpoint from where it is to the position that the work returns, or not at
 * all; null rolls back.
 * @throws OwnershipLostError when another process has claimed the subscription meanwhile, or the log turned out to have
 * another history, of which the events to be handled are none.
 */
export async function commitWithCheckpoint(
  log: EventLog,
  held: Held,
  work: (transaction: LogTransaction) => Promise<number | null>,
): Promise<number | null> {
  const client = await log.pool.connect();
  let appended = 0;
  let broken = false;
  try {
    requireHistory(log, held);
    await client.query(BEGIN);
    const position = await work({
      client,
      append: async (append) => {
        const verdict = await log.appendIn(client, append);
        if (verdict.kind === 'ok') appended = verdict.position;
        return verdict;
      },
    });
    if (position === null) {
      await client.query('ROLLBACK');
      return null;
    }
    // One message: the checkpoint's row is never locked across a round trip, so a process that stops here keeps nobody
    // from taking over.
    await client.query(`${advanceCall(client, held, position)}; COMMIT`);
    if (appended > 0) log.committed(appended);
    return position;
  } catch (error) {
    broken = !(await rolledBack(client, error));
    throw lostOr(error, held);
  } finally {
    client.release(broken);
  }
}

/**
 * Moves the checkpoint where there was nothing to handle. The commit does not wait for the disk: a move that a crash of
 * Postgres undoes is made again, and the appends' own commits do not queue behind it.
 */
export async function advance(log: EventLog, held: Held, position: number): Promise<void> {
  const client = await log.pool.connect();
  let broken = false;
  try {
    requireHistory(log, held);
    await client.query({
      name: 'advance_subscription',
      text: `SELECT set_config('synchronous_commit', 'off', true), advance_subscription($1, $2, $3, $4)`,
      values: [held.name, held.checkpoint, position, held.fence],
    });
  } catch (error) {
    broken = isConnectionFailure(error);
    throw lostOr(error, held);
  } finally {
    client.release(broken);
  }
}

/** To be asked once there is a connection: a new one may have shown it. */
function requireHistory(log: EventLog, { name, epoch }: Held): void {
  if (log.history.epoch !== epoch) throw new OwnershipLostError(name);
}

function advanceCall(client: pg.PoolClient, { name, checkpoint, fence }: Held, position: number): string {
  return `SELECT advance_subscription(${client.escapeLiteral(name)}, ${checkpoint}, ${position}, ${fence})`;
}

function lostOr(error: unknown, held: Held): unknown {
  return sqlState(error) === 'LH001' ? new OwnershipLostError(held.name) : error;
}
