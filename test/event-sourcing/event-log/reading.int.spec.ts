import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import { EventCatalogue, UnknownEventError, type RecordedEvent } from '../../../src/event-sourcing/event-log/index.js';
import type { TestDatabase } from '../../support/database.js';
import { createLogDatabase, HAPPENED, openLog, type OpenLog, wholeStream } from '../../support/event-log.js';
import { append, happened, write } from './appends.js';

const OTHER_TYPE = 'Ended';
const ACME = uuidv7();
const BETA = uuidv7();
const CORRELATION = uuidv7();

let database: TestDatabase;
let open: OpenLog;

beforeAll(async () => {
  database = await createLogDatabase();
  const definition = { schemaVersion: 1, schema: {}, upcasters: {} };
  const catalogue = new EventCatalogue([
    { type: HAPPENED, ...definition },
    { type: OTHER_TYPE, ...definition },
  ]);
  open = openLog(database.connection, {}, catalogue);

  const ended = { ...happened(), type: OTHER_TYPE };
  const run = { correlationKey: 'run-1' };
  // Positions 1 to 8, one append after the other.
  for (const each of [
    append([write('lease-2', 0, { ...run, parent: 'environment-1' })], { companyId: ACME }),
    append([write('lease-1', 0, { ...run, parent: 'environment-1' })], { companyId: ACME, correlationId: CORRELATION }),
    append([write('lease-3', 0, run)], { companyId: BETA }),
    append([write('lease-2', 1, run)], { companyId: ACME }),
    append([write('lease-4', 0, { ...run, parent: 'environment-1' })], { companyId: ACME }),
    append([write('lease-4', 1, { events: [ended], open: false })], { companyId: ACME, correlationId: CORRELATION }),
    append([write('lease-5', 0, { correlationKey: 'run-2', parent: 'environment-2' })], { companyId: ACME }),
    append([write('lease-1', 1, run)], { companyId: ACME }),
  ]) {
    expect((await open.log.append(each)).kind).toBe('ok');
  }
});

afterAll(async () => {
  await open?.close();
  await database?.drop();
});

const positions = (events: readonly RecordedEvent[]): number[] => events.map((event) => event.position);

describe('the log after a position', () => {
  it.each([
    ['everything', 0, { limit: 100 }, [1, 2, 3, 4, 5, 6, 7, 8]],
    ['what comes later', 6, { limit: 100 }, [7, 8]],
    ['nothing at the head', 8, { limit: 100 }, []],
    ['a page', 2, { limit: 3 }, [3, 4, 5]],
    ['up to a position', 1, { limit: 100, upTo: 4 }, [2, 3, 4]],
    ['of a company', 0, { limit: 100, companyId: BETA }, [3]],
    ['of a company, a page', 1, { limit: 2, companyId: ACME }, [2, 4]],
    ['of a stream', 0, { limit: 100, stream: 'lease-1' }, [2, 8]],
    ['of some types', 0, { limit: 100, types: [OTHER_TYPE, 'Unheard'] }, [6]],
    ['of no types', 0, { limit: 100, types: [] }, []],
    ['of a correlation', 0, { limit: 100, correlationId: CORRELATION }, [2, 6]],
    ['of all of these', 1, { limit: 9, upTo: 7, companyId: ACME, types: [HAPPENED], correlationId: CORRELATION }, [2]],
  ])('holds %s', async (_, after, options, expected) => {
    expect(positions((await open.log.read.after(after, options)).events)).toEqual(expected);
  });

  it('is decoded like every other read', async () => {
    const old = openLog(database.connection);
    await expect(old.log.read.after(5, { limit: 1 })).rejects.toThrow(UnknownEventError);
    await expect(wholeStream(old.log, 'lease-4')).rejects.toThrow(UnknownEventError);
    await old.close();
  });
});

describe('the log up to a position', () => {
  it.each([
    ['everything', { limit: 100 }],
    ['a page', { limit: 3 }],
    ['of a company', { limit: 100, companyId: BETA }],
    ['of a stream', { limit: 100, stream: 'lease-1' }],
    ['of some types', { limit: 1, types: [OTHER_TYPE, 'Unheard'] }],
    ['of a correlation', { limit: 100, correlationId: CORRELATION }],
  ])('is the same to the process that appended it, from memory, and to another: %s', async (_, options) => {
    const other = openLog(database.connection, {}, open.log.catalogue);
    try {
      const [own, stored] = await Promise.all(
        [open, other].map(({ log }) => log.read.after(0, { ...options, upTo: 8 })),
      );
      expect(own).toEqual(stored);
      expect(own?.events.length).toBeGreaterThan(0);
    } finally {
      await other.close();
    }
  });
});

describe('streams', () => {
  it('are read in their order, many in one turn', async () => {
    const streams = await Promise.all(
      ['lease-1', 'lease-9', 'lease-4', 'lease-1'].map((name) => wholeStream(open.log, name)),
    );
    expect(streams.map(positions)).toEqual([[2, 8], [], [5, 6], [2, 8]]);
    expect(streams[0]?.map((event) => event.version)).toEqual([1, 2]);
  });

  it('with a correlation key are those of the company that are open, by name', async () => {
    const [acme, beta, second, none] = await Promise.all([
      open.log.read.openStreamsWithKey(ACME, 'run-1'),
      open.log.read.openStreamsWithKey(BETA, 'run-1'),
      open.log.read.openStreamsWithKey(ACME, 'run-2'),
      open.log.read.openStreamsWithKey(BETA, 'run-2'),
    ]);
    expect({ acme, beta, second, none }).toEqual({
      acme: [
        { stream: 'lease-1', version: 2 },
        { stream: 'lease-2', version: 2 },
      ],
      beta: [{ stream: 'lease-3', version: 1 }],
      second: [{ stream: 'lease-5', version: 1 }],
      none: [],
    });
  });

  it('under a parent are those that are open', async () => {
    expect(await open.log.read.openChildren('environment-1')).toEqual(['lease-1', 'lease-2']);
    expect(await open.log.read.openChildren('environment-2')).toEqual(['lease-5']);
    expect(await open.log.read.openChildren('environment-3')).toEqual([]);
  });
});

it('the head is the newest position', async () => {
  expect(await open.log.read.head()).toBe(8);
  const empty = await createLogDatabase();
  const fresh = openLog(empty.connection);
  expect(await fresh.log.read.head()).toBe(0);
  await fresh.close();
  await empty.drop();
});
