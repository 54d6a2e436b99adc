import type { Pool } from 'pg';
import { LOOK_AHEAD } from './alignment.js';
import { leafPages } from './entries.js';
import { HistoryCheck } from './history-check.js';
import type { KeptSeals } from './kept-seals.js';
import { firstSealTo, lastSeal, sealBefore, sealsWithLeaves } from './seal-table.js';
import type { TrustedKeys } from './seal.js';
import type { Verification } from './verification.js';

export interface VerifyLogOptions {
  /** Positions; whole seals are looked at. From the first event and to the head where they are null. */
  readonly from: number | null;
  readonly to: number | null;
  readonly trusted: TrustedKeys;
  readonly kept: readonly KeptSeals[];
}

/** Checks the log of a database against its seals, in bounded memory, while it goes on. */
export async function verifyLog(pool: Pool, { from, to, trusted, kept }: VerifyLogOptions): Promise<Verification> {
  // The seals are counted before the events, so that no seal is about events that are too new to be seen.
  const newest = await lastSeal(pool);
  const { rows } = await pool.query<{ head: number | null }>('SELECT max(position) AS head FROM events');
  const head = rows[0]?.head ?? 0;
  const first = from === null ? 1 : ((await firstSealTo(pool, from)) ?? (newest?.number ?? 0) + 1);
  const previous = await sealBefore(pool, first);
  const after = previous?.toPosition ?? 0;
  const check = new HistoryCheck({ trusted, kept, previous, after });

  const seals = sealsWithLeaves(pool, first, newest?.number ?? 0, to ?? Number.MAX_SAFE_INTEGER);
  let sealsEnded = false;
  const sealsUpTo = async (position: number): Promise<void> => {
    while (!sealsEnded && check.sealedTo < position) {
      const next = await seals.next();
      if (next.done === true) {
        sealsEnded = true;
        check.endSeals();
      } else {
        await check.addSeal(next.value);
      }
    }
  };
  // Past the range as many events as may be needed to see that the last ones were moved.
  for await (const page of leafPages(pool, after, to === null ? head : Math.min(head, to + LOOK_AHEAD))) {
    await sealsUpTo((page.positions.at(-1) ?? 0) + LOOK_AHEAD);
    check.addEvents(page);
  }
  await sealsUpTo(Infinity);
  return check.end(to === null || to >= head);
}
