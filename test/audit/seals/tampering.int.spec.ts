import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { exportLog } from '../../../src/audit/seals/export-log.js';
import { KeptSeals } from '../../../src/audit/seals/kept-seals.js';
import { lastSeal } from '../../../src/audit/seals/seal-table.js';
import type { Verification } from '../../../src/audit/seals/verification.js';
import { verifyExport } from '../../../src/audit/seals/verify-export.js';
import { newKeys, SealedLog } from './sealed-log.js';

/** Three seals, the last of them not full, and events behind it. */
const SEALED = 2_500;
const UNSEALED = 7;

let untouched: SealedLog;
let log: SealedLog;
beforeAll(async () => {
  untouched = await SealedLog.make();
  await untouched.append(SEALED);
  await untouched.sealAll();
  await untouched.append(UNSEALED);
  await untouched.open.close();
});
afterAll(() => untouched?.database.drop());
beforeEach(async () => {
  log = await untouched.copy();
});
afterEach(() => log?.close());

/** What is found in the database, and, as the same log is exported, without it. */
async function verify(): Promise<Verification> {
  const found = await log.verify();
  const lines: string[] = [];
  for await (const chunk of exportLog(log.pool, null, null, true)) lines.push(...chunk.trimEnd().split('\n'));
  async function* exported(): AsyncGenerator<string> {
    yield* lines;
  }
  const offline = await verifyExport(exported(), log.keys.trusted, []);
  expect(offline).toEqual(found);
  return found;
}

const kinds = ({ findings }: Verification): string[] =>
  findings.map(({ kind, position, seal }) => `${kind} at ${position}${seal === null ? '' : ` by seal ${seal}`}`);

/** Moves all events behind a position by one, last first, so that no position is taken twice. */
const shift = (after: number, by: 1 | -1): string =>
  `UPDATE events SET position = -position WHERE position > ${after};
   UPDATE events SET position = -position + ${by} WHERE position < 0`;

test('a log that nobody has touched is as it was sealed', async () => {
  const found = await verify();
  expect(found).toMatchObject({
    ok: true,
    events: SEALED + UNSEALED,
    seals: 3,
    unsealedEvents: UNSEALED,
    findings: [],
  });
  expect(found.head).toEqual(await lastSeal(log.pool));
});

describe('what somebody has done to the database by SQL is named, and where', () => {
  test.each<[string, string, string[]]>([
    [
      'the data of an event changed',
      `UPDATE events SET data = data || '{"place":99}' WHERE position = 700`,
      ['changed_event at 700'],
    ],
    ['the type of an event changed', `UPDATE events SET type = 'Else' WHERE position = 1`, ['changed_event at 1']],
    [
      'who did it changed',
      `UPDATE events SET actor = 'operator:other' WHERE position = 2500`,
      ['changed_event at 2500'],
    ],
    [
      'when it was changed by a microsecond',
      `UPDATE events SET recorded_at = recorded_at + interval '1 microsecond' WHERE position = 1024`,
      ['changed_event at 1024'],
    ],
    [
      'an event given to another company',
      `UPDATE events SET company_id = gen_random_uuid() WHERE position = 1025`,
      ['changed_event at 1025'],
    ],
    ['an event removed, a gap left', 'DELETE FROM events WHERE position = 1500', ['removed_event at 1500']],
    [
      'an event removed, the rest moved up',
      `DELETE FROM events WHERE position = 1500; ${shift(1500, -1)}`,
      ['removed_event at 1500'],
    ],
    [
      'an event inserted, the rest moved down',
      `${shift(800, 1)};
       INSERT INTO events SELECT 801, stream, version, gen_random_uuid(), type, schema_version, company_id, actor,
         correlation_id, causation_id, recorded_at, data FROM events WHERE position = 800`,
      ['inserted_event at 801'],
    ],
    [
      'two events swapped',
      `UPDATE events SET position = -position WHERE position IN (300, 301);
       UPDATE events SET position = 601 + position WHERE position < 0`,
      ['reordered_event at 300', 'reordered_event at 301'],
    ],
    ['the tail cut off, seals and all left', 'DELETE FROM events WHERE position > 2400', ['cut_tail at 2401']],
    [
      'a seal changed',
      `UPDATE seals SET sealed_at = sealed_at - interval '1 day' WHERE number = 2`,
      ['bad_signature at 1025 by seal 2', 'broken_chain at 2049 by seal 3'],
    ],
    [
      'an event changed together with its hash',
      `UPDATE events SET actor = 'operator:other' WHERE position = 700;
       UPDATE seals SET leaves = overlay(leaves placing sha256('x') from 1 + 32 * 699) WHERE number = 1`,
      ['changed_seal at 1 by seal 1', 'changed_event at 700'],
    ],
    ['a seal removed', 'DELETE FROM seals WHERE number = 2', ['removed_seal at 1025 by seal 2']],
  ])('%s', async (_what, sql, expected) => {
    await log.sql(sql);
    const found = await verify();
    expect(found.ok).toBe(false);
    expect(kinds(found).sort()).toEqual([...expected].sort());
    for (const { detail } of found.findings) expect(detail).toMatch(/^[A-Z].*\.$/);
  });

  test('all of it rewritten and sealed again by another key', async () => {
    await log.sql(`UPDATE events SET actor = 'operator:other' WHERE position = 700; DELETE FROM seals`);
    await log.sealAll(newKeys());
    expect((await verify()).findings.map(({ kind }) => kind)).toContain('bad_signature');
  });

  test('all of it rewritten and sealed again by the stolen key, against a head that was kept', async () => {
    const kept = await lastSeal(log.pool);
    await log.sql(`UPDATE events SET actor = 'operator:other' WHERE position = 700; DELETE FROM seals`);
    await log.sealAll();
    // By itself such a history is without fault: that is what heads are kept for.
    expect((await verify()).ok).toBe(true);
    const found = await log.verify({ kept: [new KeptSeals(kept ? [kept] : [])] });
    expect(found.findings).toMatchObject([{ kind: 'rewritten_history', seal: 3 }]);
  });

  test('the tail cut off together with its seals, against a head that was kept', async () => {
    const kept = await lastSeal(log.pool);
    await log.sql('DELETE FROM events WHERE position > 2048; DELETE FROM seals WHERE number = 3');
    expect((await verify()).ok).toBe(true);
    const found = await log.verify({ kept: [new KeptSeals(kept ? [kept] : [])] });
    expect(kinds(found)).toEqual(expect.arrayContaining(['cut_tail at 2049', 'removed_seal at 2049 by seal 3']));
  });
});

test('a range is checked by the whole seals that it touches, and finds what is in them', async () => {
  await log.sql(`UPDATE events SET actor = 'operator:other' WHERE position IN (700, 1100)`);
  expect(kinds(await log.verify({ from: 1_030, to: 1_040 }))).toEqual(['changed_event at 1100']);
  expect(kinds(await log.verify({ from: 2_049, to: 2_060 }))).toEqual([]);
});

test('an export that was cut off is told from a whole one', async () => {
  const chunks: string[] = [];
  for await (const chunk of exportLog(log.pool, null, null, true)) chunks.push(chunk);
  async function* cut(): AsyncGenerator<string> {
    yield* chunks.join('').trimEnd().split('\n').slice(0, -1);
  }
  const { findings } = await verifyExport(cut(), log.keys.trusted, []);
  expect(findings.map(({ kind }) => kind)).toEqual(['incomplete_export']);
});
