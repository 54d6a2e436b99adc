import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { grown } from '../../support/soak.js';
import { Place, eventually, isRunning, query } from './support.js';

/** Each test has tables of its own in it. */
let place: Place;
beforeAll(async () => {
  place = await Place.prepared();
});
afterEach(() => place.endAll());
afterAll(() => place?.close());

/** The postmaster removes its pid file a moment before it ends. */
const stopped = (pid: number) => eventually(async () => expect(isRunning(pid)).toBe(false), 1_000);

describe('on an empty folder', () => {
  let empty: Place;
  beforeEach(async () => {
    empty = await Place.make();
  });
  afterEach(() => empty.close());

  test('the first start makes a private database from nothing', async () => {
    process.env['LEASEHOLD_TEST_MARK'] = 'not for Postgres';
    const { connection } = await empty.join();
    delete process.env['LEASEHOLD_TEST_MARK'];

    const [row] = await query(
      connection,
      `SELECT current_database() AS database, current_setting('fsync') AS fsync,
         current_setting('listen_addresses') AS listens, current_setting('server_encoding') AS encoding`,
    );
    expect(row).toEqual({ database: 'leasehold', fsync: 'on', listens: '', encoding: 'UTF8' });
    expect(connection.host.startsWith('/')).toBe(true);
    expect((await stat(connection.host)).mode & 0o777).toBe(0o700);
    expect((await stat(join(empty.dataDir, 'postgres', 'password'))).mode & 0o777).toBe(0o600);
    expect(empty.messages.join('\n')).not.toContain(connection.password);
    await expect(query({ ...connection, password: 'wrong' }, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });

    const environment = `/proc/${String(empty.postmaster)}/environ`;
    if (existsSync(environment)) expect(await readFile(environment, 'utf8')).not.toContain('not for Postgres');
  });

  test('two starters at once share one Postgres, and leaving at once stops it', async () => {
    const [one, other] = await Promise.all([empty.join(), empty.joinElsewhere()]);
    expect(one.connection).toEqual(other.connection);
    const { postmaster } = empty;
    await query(one.connection, 'CREATE TABLE shared AS SELECT 1 AS n');
    expect(await query(other.connection, 'SELECT n FROM shared')).toEqual([{ n: 1 }]);

    await Promise.all([one.leave(), other.leave()]);
    await stopped(postmaster);
  });
});

test('the first to leave leaves it running, the last to leave stops it, and the data stay', async () => {
  const first = await place.join();
  const second = await place.joinElsewhere();
  const { postmaster } = place;
  await query(first.connection, 'CREATE TABLE kept_by_the_last AS SELECT 42 AS answer');

  await first.leave();
  expect(await query(second.connection, 'SELECT answer FROM kept_by_the_last')).toEqual([{ answer: 42 }]);
  expect(place.postmaster).toBe(postmaster);

  await second.leave();
  await stopped(postmaster);

  const again = await place.join();
  expect(again.connection).toEqual(first.connection);
  expect(await query(again.connection, 'SELECT answer FROM kept_by_the_last')).toEqual([{ answer: 42 }]);
});

test('leaving twice is leaving once', async () => {
  const member = await place.join();
  await Promise.all([member.leave(), member.leave()]);
  await member.leave();
  expect(place.messages.filter((message) => message.startsWith('stopped'))).toHaveLength(1);
});

test('a process killed with SIGKILL leaves its Postgres to the next, which stops it as the last', async () => {
  const killed = await place.joinElsewhere();
  await query(killed.connection, 'CREATE TABLE kept_after_a_kill AS SELECT 42 AS answer');
  const { postmaster } = place;
  const exited = once(killed.process, 'exit');
  killed.process.kill('SIGKILL');
  await exited;
  expect(isRunning(postmaster)).toBe(true);

  const next = await place.join();
  expect(place.postmaster).toBe(postmaster);
  expect(await query(next.connection, 'SELECT answer FROM kept_after_a_kill')).toEqual([{ answer: 42 }]);
  await next.leave();
  await stopped(postmaster);
});

// `pg_ctl stop --wait` hung here: it took the Postgres that the one who joined had started for the one to be stopped.
test('whoever joins while the last one leaves has a Postgres that runs', async () => {
  let last = await place.join();
  for (let round = 0; round < grown(2, 5); round++) {
    const [joined] = await Promise.all([place.join(), last.leave()]);
    expect(await query(joined.connection, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    last = joined;
  }
});

test('a postmaster that dies under a living process comes back, with its data, and is still held', async () => {
  const member = await place.join();
  await query(member.connection, 'CREATE TABLE kept_after_a_crash AS SELECT 42 AS answer');
  const { postmaster } = place;
  process.kill(postmaster, 'SIGKILL');

  const rows = await eventually(() => query(member.connection, 'SELECT answer FROM kept_after_a_crash'));
  expect(rows).toEqual([{ answer: 42 }]);
  expect(place.postmaster).not.toBe(postmaster);
  await eventually(async () => expect(place.messages.at(-1)).toMatch(/^(started|joined)/));

  const visitor = await place.join();
  await visitor.leave();
  expect(await query(member.connection, 'SELECT answer FROM kept_after_a_crash')).toEqual([{ answer: 42 }]);
});

// Elsewhere there is no /proc that would tell whom a process number belongs to.
if (process.platform === 'linux') {
  describe('a postmaster.pid left by a crash, its number now', () => {
    let files: string[];
    let left: string[];
    let socketDir: string;
    beforeAll(async () => {
      const crashed = await place.join();
      socketDir = crashed.connection.host;
      files = [place.pidFile, join(socketDir, '.s.PGSQL.5432.lock')];
      left = await Promise.all(files.map((file) => readFile(file, 'utf8')));
      await crashed.leave();
    });

    test.each([
      ["another program's", 'echo $$; exec sleep 60'],
      ["a zombie's", 'sleep 0 & echo $!; exec sleep 60'],
    ])('%s, is not in the way', async (_whose, script) => {
      // The same user's, or Postgres would see by itself that it is none of its own.
      const { uid, gid } = await stat(place.pgData);
      const other = spawn('sh', ['-c', script], { uid, gid, cwd: '/', stdio: ['ignore', 'pipe', 'ignore'] });
      try {
        await mkdir(socketDir, { mode: 0o700 });
        const [pid] = (await once(other.stdout, 'data')) as [Buffer];
        for (const [index, file] of files.entries()) {
          await writeFile(file, left[index]!.replace(/^\d+/, pid.toString().trim()), { mode: 0o600 });
          await chown(file, uid, gid);
        }
        const next = await place.join();
        expect(await query(next.connection, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
        await next.leave();
      } finally {
        other.kill('SIGKILL');
      }
    });
  });
}
