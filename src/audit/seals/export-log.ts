import type { Pool } from 'pg';
import { linePages } from './entries.js';
import { isOpen, withheld, type EventLine } from './event-line.js';
import { firstSealTo, lastSeal, sealBefore, sealsWithLeaves } from './seal-table.js';

/** Said in the first line, so that another release can tell: in the second, events may be withheld (see event-line.ts). */
export const EXPORT_FORMATS = { whole: 1, withheld: 2 } as const;

/**
 * The log with its seals as NDJSON, in chunks of whole lines. First `{"export":{…}}`, then each seal, `{"seal":{…},
 * "leaves":"…"}`, before its events, `{"position":1,"event":{…}}`; at last `{"end":{…}}`. It has whole seals; what is not
 * sealed yet comes last, where the range reaches it.
 * @param from a position, as `to`; from the first event and to the head where they are null
 * @param seesConfig whether its reader may see the configs of environments; of events with one there is the hash otherwise
 */
export async function* exportLog(
  pool: Pool,
  from: number | null,
  to: number | null,
  seesConfig: boolean,
): AsyncGenerator<string> {
  const newest = await lastSeal(pool);
  const first = from === null ? 1 : ((await firstSealTo(pool, from)) ?? (newest?.number ?? 0) + 1);
  const previousSeal = await sealBefore(pool, first);
  const fromPosition = (previousSeal?.toPosition ?? 0) + 1;
  const format = seesConfig ? EXPORT_FORMATS.whole : EXPORT_FORMATS.withheld;
  const shown = (line: EventLine): EventLine => (seesConfig || isOpen(line) ? line : withheld(line));
  yield `${JSON.stringify({ export: { format, fromPosition, previousSeal } })}\n`;

  let [events, seals, last] = [0, 0, fromPosition - 1];
  async function* eventsUpTo(position: number): AsyncGenerator<string> {
    for await (const lines of linePages(pool, last, position)) {
      events += lines.length;
      yield `${lines.map(shown).join('\n')}\n`;
    }
    last = Math.max(last, position);
  }
  const { rows } = await pool.query<{ head: number | null }>('SELECT max(position) AS head FROM events');
  const head = rows[0]?.head ?? 0;
  const upTo = Math.min(to ?? head, head);
  for await (const { seal, leaves } of sealsWithLeaves(pool, first, newest?.number ?? 0, upTo)) {
    // A gap between two seals is none of an honest log; what is in it is exported anyway.
    yield* eventsUpTo(seal.fromPosition - 1);
    yield `${JSON.stringify({ seal, leaves: leaves.toString('base64') })}\n`;
    seals += 1;
    yield* eventsUpTo(seal.toPosition);
  }
  if (upTo > last) yield* eventsUpTo(upTo);
  yield `${JSON.stringify({ end: { events, seals } })}\n`;
}
