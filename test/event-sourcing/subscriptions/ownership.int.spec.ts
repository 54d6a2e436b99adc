import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import type { Subscription } from '../../../src/event-sourcing/subscriptions/index.js';
import type { TestDatabase } from '../../support/database.js';
import {
  count,
  createProjectionDatabase,
  openProcess,
  until,
  Wire,
  type Process,
  type ProcessOptions,
} from '../../support/projections.js';
import { grown } from '../../support/soak.js';

/** Four in which an owner is lost in four ways, and so on. */
const ROUNDS = grown(4, 8);

let database: TestDatabase;
let writer: Process;
let opened: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  database = await createProjectionDatabase();
  writer = await openProcess(database.connection);
  // An effect's id is not unique: an event that is handled twice shows.
  await writer.pool.query('CREATE TABLE effects (subscription text, position bigint, stream text, who text)');
});

afterEach(async () => {
  for (const close of opened.reverse()) await close();
  opened = [];
});

afterAll(async () => {
  await writer?.close();
  await database?.drop();
});

async function open(options: ProcessOptions = {}, wire?: Wire): Promise<Process> {
  const process = await openProcess(wire?.connection ?? database.connection, options);
  opened.push(() => process.close());
  // Closed in the reverse order: a process that is to be closed must not wait for what has frozen.
  if (wire) opened.push(() => wire.cut());
  return process;
}

/** Writes down what it handles, in the handler's transaction. */
function effects(name: string, who: string, before?: () => Promise<void>): Subscription {
  return {
    name,
    batchSize: 20,
    async handle(events, { client }) {
      await before?.();
      await client.query(`INSERT INTO effects SELECT $1, p, s, $2 FROM unnest($3::bigint[], $4::text[]) AS e(p, s)`, [
        name,
        who,
        events.map((event) => event.position),
        events.map((event) => event.stream),
      ]);
    },
  };
}

async function positions(subscription: string): Promise<number[]> {
  const { rows } = await writer.pool.query<{ position: number }>(
    'SELECT position FROM effects WHERE subscription = $1 ORDER BY position',
    [subscription],
  );
  return rows.map((row) => row.position);
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

async function ownerOf(name: string): Promise<string | null> {
  return (await writer.runner.status()).find((each) => each.name === name)?.owner ?? null;
}

describe('a subscription', () => {
  it('has one owner, and the next at once when that stops', async () => {
    const first = await open({ runner: { owner: 'first' } });
    // It claims only when it is told that there is something to claim.
    const second = await open({ runner: { owner: 'second', claimEveryMs: 60_000 } });
    first.runner.add(effects('stops', 'first'));
    second.runner.add(effects('stops', 'second'));
    await first.runner.start();
    await second.runner.start();
    const before = await count(writer.log, 'stops', { by: 1 });
    expect(await second.runner.caughtUp('stops', before, 3_000)).toBe(true);
    expect(await ownerOf('stops')).toBe('first');

    await first.runner.stop();
    await until(async () => (await ownerOf('stops')) === 'second');

    const after = await count(writer.log, 'stops', { by: 1 });
    expect(await second.runner.caughtUp('stops', after, 3_000)).toBe(true);
    expect(await positions('stops')).toEqual(upTo(after));
  });

  it('goes to another process when its runner gives it up and lives on', async () => {
    const first = await open({ runner: { owner: 'first' } });
    const second = await open({ runner: { owner: 'second', claimEveryMs: 60_000 } });
    first.runner.add(effects('removed', 'first'));
    second.runner.add(effects('removed', 'second'));
    await first.runner.start();
    await second.runner.start();
    await first.runner.remove('removed');
    await until(async () => (await ownerOf('removed')) === 'second');
  });

  it('is taken over long before the expiry when the owner is killed', async () => {
    const wire = await Wire.lay(database.connection);
    const killed = await open({ runner: { owner: 'killed', expiryMs: 60_000 } }, wire);
    const heir = await open({ runner: { owner: 'heir' } });
    killed.runner.add(effects('killed', 'killed'));
    heir.runner.add(effects('killed', 'heir'));
    await killed.runner.start();
    await heir.runner.start();
    expect(await ownerOf('killed')).toBe('killed');

    wire.cut();
    await until(async () => (await ownerOf('killed')) === 'heir');
    const last = await count(writer.log, 'killed', { by: 1 });
    expect(await heir.runner.caughtUp('killed', last, 3_000)).toBe(true);
    expect(await positions('killed')).toEqual(upTo(last));
  });

  it('is taken over after the expiry when the owner is frozen, and the owner finds out when it thaws', async () => {
    const wire = await Wire.lay(database.connection);
    const runner = { expiryMs: 600, claimEveryMs: 50 };
    const frozen = await open({ runner: { ...runner, owner: 'frozen' } }, wire);
    const heir = await open({ runner: { ...runner, owner: 'heir' } });
    frozen.runner.add(effects('frozen', 'frozen'));
    heir.runner.add(effects('frozen', 'heir'));
    await frozen.runner.start();
    await heir.runner.start();
    const first = await count(writer.log, 'frozen', { by: 1 });
    expect(await frozen.runner.caughtUp('frozen', first, 3_000)).toBe(true);
    expect(await ownerOf('frozen')).toBe('frozen');

    wire.freeze();
    await until(async () => (await ownerOf('frozen')) === 'heir');
    const last = await count(writer.log, 'frozen', { by: 1 });
    expect(await heir.runner.caughtUp('frozen', last, 3_000)).toBe(true);
    wire.thaw();
    await until(() => frozen.said.some((line) => line.includes('owned by another process')));
    expect(await positions('frozen')).toEqual(upTo(last));
    expect(await ownerOf('frozen')).toBe('heir');
  });

  it('is not moved by an owner that was paused in its handler and has been replaced', async () => {
    let go = (): void => undefined;
    const paused = new Promise<void>((resolve) => (go = resolve));
    let entered = false;
    const runner = { expiryMs: 500, claimEveryMs: 50 };
    // It must not renew meanwhile: that would make it the owner again, as if it had never slept.
    const zombie = await open({ runner: { ...runner, expiryMs: 60_000, owner: 'zombie' } });
    zombie.runner.add(
      effects('zombie', 'zombie', async () => {
        entered = true;
        await paused;
      }),
    );
    await zombie.runner.start();
    const last = await count(writer.log, 'zombie', { by: 1 });
    await until(() => entered);
    // As if the whole process slept: what it has open stays open, and nothing is renewed.
    await writer.pool.query(`UPDATE subscriptions SET expires_at = now() - interval '1 s' WHERE name = 'zombie'`);
    const heir = await open({ runner: { ...runner, owner: 'heir' } });
    heir.runner.add(effects('zombie', 'heir'));
    await heir.runner.start();
    expect(await heir.runner.caughtUp('zombie', last, 3_000)).toBe(true);
    go();
    await until(() => zombie.said.some((line) => line.includes('owned by another process')));
    expect(await positions('zombie')).toEqual(upTo(last));
    const { rows } = await writer.pool.query(`SELECT DISTINCT who FROM effects WHERE subscription = 'zombie'`);
    expect(rows).toEqual([{ who: 'heir' }]);
  });

  it('is kept by an owner whose session was terminated, if nobody else has come', async () => {
    const owner = await open({ runner: { owner: 'tenacious' } });
    owner.runner.add(effects('session', 'tenacious'));
    await owner.runner.start();
    const killer = new pg.Client(database.connection);
    await killer.connect();
    await killer.query(`SELECT pg_terminate_backend(owner_pid) FROM subscriptions WHERE name = 'session'`);
    await killer.end();
    const last = await count(writer.log, 'session', { by: 1 });
    expect(await owner.runner.caughtUp('session', last, 3_000)).toBe(true);
    await until(async () => {
      const { rows } = await writer.pool.query(
        `SELECT 1 FROM subscriptions s JOIN pg_stat_activity a ON a.pid = s.owner_pid WHERE s.name = 'session'`,
      );
      return rows.length === 1;
    });
    expect(await positions('session')).toEqual(upTo(last));
  });

  it('has every effect exactly once while owners come, die, freeze and lose connections under load', async () => {
    const name = 'contested';
    let writing = true;
    const load = (async () => {
      let last = 0;
      for (let n = 0; writing; n += 1) {
        const places = await Promise.all(upTo(5).map((s) => count(writer.log, `contested-${s}`, { by: n }, { by: 1 })));
        last = Math.max(...places);
      }
      return last;
    })();
    const runner = { expiryMs: 400, claimEveryMs: 30 };
    for (let round = 0; round < ROUNDS; round += 1) {
      const wire = await Wire.lay(database.connection);
      const process = await open({ runner }, wire);
      process.runner.add(effects(name, `round ${round}`));
      await process.runner.start();
      await new Promise((resolve) => setTimeout(resolve, 120));
      if (round % 4 === 0) wire.cut();
      else if (round % 4 === 1) wire.freeze();
      else if (round % 4 === 2) await process.runner.stop();
      else {
        await writer.pool.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%INSERT INTO effects%' AND pid <> pg_backend_pid()`,
        );
      }
    }
    writing = false;
    const last = await load;
    const finisher = await open({ runner });
    finisher.runner.add(effects(name, 'finisher'));
    await finisher.runner.start();
    expect(await finisher.runner.caughtUp(name, last, 8_000)).toBe(true);
    expect(await positions(name)).toEqual(upTo(last));
  });
});
