import { afterEach, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedPostgresError } from '../../../src/platform/embedded/index.js';
import { Place, query } from './support.js';

const isRoot = process.geteuid?.() === 0;
const hasNamespaces = spawnSync('unshare', ['--user', '--map-user=1000', 'true']).status === 0;

let place: Place;
afterEach(() => place.close());

test('a path too long for a socket: the socket is in a folder of its own in /tmp, and goes when Postgres stops', async () => {
  place = await Place.prepared({ below: join('l'.repeat(60), 'o'.repeat(60), "with 'quotes', commas and spaces") });
  const member = await place.join();
  const { connection } = member;
  expect(connection.host).toMatch(/^\/tmp\/leasehold-[0-9a-f]{16}$/);
  expect((await stat(connection.host)).mode & 0o777).toBe(0o700);
  expect(await query(connection, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  await member.leave();
  expect(existsSync(connection.host)).toBe(false);
});

test(
  isRoot
    ? 'root, in a folder that root alone can reach: Postgres runs in a user namespace, or the error names the ways out'
    : 'NOT RUN AS ROOT, so without the user namespace: an ordinary user, in a folder that he alone can reach',
  async () => {
    place = await Place.make({ mode: 0o700 });
    if (isRoot && !hasNamespaces) {
      const refusal = await place.join().catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(EmbeddedPostgresError);
      expect(String(refusal)).toMatch(/ordinary user.*DATABASE_URL/s);
      return;
    }
    const first = await place.join();
    expect(place.messages[0]).toContain(isRoot ? 'user namespace' : `uid ${String(process.geteuid?.())}`);
    expect(await query(first.connection, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    expect((await stat(place.pgData)).uid).toBe(process.geteuid?.());
    await first.leave();
    // Now the folder's owner decides who runs it.
    const second = await place.join();
    expect(await query(second.connection, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  },
);

test('a folder that is not of our making is left alone, and the error names the ways out', async () => {
  place = await Place.make();
  await mkdir(join(place.dataDir, 'postgres', 'precious'), { recursive: true });
  const refusal = await place.join().catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(EmbeddedPostgresError);
  expect(String(refusal)).toMatch(/not an embedded Postgres.*LEASEHOLD_DATA_DIR.*DATABASE_URL/);
  expect(existsSync(join(place.dataDir, 'postgres', 'precious'))).toBe(true);
});
