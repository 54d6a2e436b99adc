import { randomUUID } from 'node:crypto';
import { chmod, lstat, readdir, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ServiceHome } from '../support/service.js';

let home: ServiceHome;
beforeAll(async () => {
  home = await ServiceHome.make();
});
afterAll(() => home?.close());

test('descriptors that a launcher left open are open in nothing that the service starts, and its folder is nobody else’s', async () => {
  const secret = join(home.dataDir, 'of-the-launcher');
  await writeFile(secret, 'secret');
  await chmod(home.dataDir, 0o777);
  const service = await home.start({}, ['bash', '-c', 'umask 0; exec 40<"$0" 41>>"$0" 7</; exec "$@"', secret]);
  for (const descriptor of await readdir(`/proc/${service.pid}/fd`)) {
    const leadsTo = await readlink(`/proc/${service.pid}/fd/${descriptor}`).catch(() => '');
    expect(leadsTo).not.toBe(secret);
  }
  const { api } = service;
  const company = randomUUID();
  const config = { provider: 'bubblewrap' };
  const { id: environmentId } = await api.createEnvironment(company, { name: 'Box', driver: 'sandbox', config });
  const { lease } = await api.acquire(company, { environmentId }, { Prefer: 'wait=60' });
  const command = { command: 'ls', args: ['-l', '/proc/self/fd'] };
  const ran = await api.expect<{ stdout: string }>(200, 'POST', `/api/environment-leases/${lease.id}/execute`, command);
  await api.release(lease.id, {}, { Prefer: 'wait=60' });
  expect(ran.stdout).toMatch(/ 0 -> .* 1 -> .* 2 -> .* 3 -> [^ ]*\n$/s);
  expect((await stat(home.dataDir)).mode & 0o022).toBe(0);
  const made = await Promise.all(
    ['sandboxes', 'secrets.key'].map(async (name) => (await stat(join(home.dataDir, name))).mode & 0o077),
  );
  expect(made).toEqual([0, 0]);
  expect(await writableByOthers(home.dataDir)).toEqual([]);
});

async function writableByOthers(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(folder, { recursive: true })) {
    // What goes meanwhile is nobody's. A symlink has no rights of its own, a socket those of its folder.
    const stats = await lstat(join(folder, name)).catch(() => null);
    if ((stats?.isFile() || stats?.isDirectory()) && (stats.mode & 0o022) !== 0) found.push(name);
  }
  return found;
}
