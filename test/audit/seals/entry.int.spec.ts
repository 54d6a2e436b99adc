import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { uuidv7 } from 'uuidv7';
import { readLeaves, readStreamLines } from '../../../src/audit/seals/entries.js';
import { entryOf } from '../../../src/audit/seals/entry.js';
import { eventOf } from '../../../src/audit/seals/event-line.js';
import { leafHash } from '../../../src/audit/seals/merkle-tree.js';
import { HAPPENED } from '../../support/event-log.js';
import { SealedLog } from './sealed-log.js';

let log: SealedLog;
beforeAll(async () => {
  log = await SealedLog.make();
});
afterAll(() => log?.close());

// No NUL and no lone surrogate: Postgres has neither.
const text = fc.string({ unit: 'grapheme', minLength: 1 }).filter((value) => !value.includes('\0'));
const awkward = fc.oneof(text, fc.constantFrom('"', '\\', '\n', ',"data":', '{"position":1,"event":', '\u2028', 'é😀'));
const times = fc.tuple(fc.date({ min: new Date(0), max: new Date('2200-01-01'), noInvalidDate: true }), fc.nat(999));

test('an event’s leaf is the same whether Postgres makes it of the row or it is made of the line of an export', async () => {
  await fc.assert(
    fc.asyncProperty(
      awkward,
      awkward,
      fc.json(),
      times,
      fc.boolean(),
      async (name, actor, data, [at, micros], bare) => {
        const stream = `${name}-${uuidv7()}`;
        const { rows } = await log.pool.query<{ position: number }>(
          `INSERT INTO events SELECT coalesce(max(position), 0) + 1, $1, 1, $2, $3, 1, $2, $4, $5, NULL,
           $6::timestamptz + $7 * interval '1 microsecond', $8 FROM events RETURNING position`,
          [stream, uuidv7(), HAPPENED, actor, bare ? null : uuidv7(), at.toISOString(), micros, withoutNul(data)],
        );
        const position = rows[0]?.position ?? 0;
        const [line = ''] = await readStreamLines(log.pool, stream);
        const { positions, leaves } = await readLeaves(log.pool, position - 1, position);
        expect(positions).toEqual([position]);
        expect(leafHash(entryOf(eventOf(line))).toString('hex')).toBe(leaves.toString('hex'));
      },
    ),
    { numRuns: 150 },
  );
});

/** Postgres refuses a NUL in a jsonb. */
function withoutNul(json: string): string {
  return json.replaceAll('\\u0000', ' ').replace(/\\ud[89a-f]../gi, ' ');
}
