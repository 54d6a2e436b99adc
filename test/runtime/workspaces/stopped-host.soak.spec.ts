import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startSshd, type TestSshd } from '../../support/sshd.js';
import { HostsOverSsh } from './hosts-over-ssh.js';
import { contentOf } from './workspace-service.js';

let hosts: HostsOverSsh;
let sshd: TestSshd;
beforeAll(async () => {
  hosts = await HostsOverSsh.start();
  sshd = await startSshd();
});
afterAll(async () => {
  await hosts?.close();
  await sshd?.stop();
});

/** Three missed keepalives, and the time to connect again. */
const ENDS_WITHIN_MS = 90_000;

test('a host that stops: each step ends, is refused with its code and harms nothing; all works once the host goes on', async () => {
  const { lease, remote } = await hosts.leaseOn(sshd);
  const localPath = join(hosts.roots, randomUUID());
  await mkdir(localPath);
  await writeFile(join(localPath, 'a'), 'a');
  const stopped = async (step: string, body: object): Promise<unknown> => {
    await sshd.freeze();
    const since = performance.now();
    const problem = await hosts.post<object>(lease, step, body, 502);
    expect(performance.now() - since).toBeLessThan(ENDS_WITHIN_MS);
    await sshd.thaw();
    return problem;
  };
  const failed = { code: 'workspace_sync_failed', reasonCode: 'connection_lost' };
  expect(await stopped('sync-in', { localPath })).toMatchObject(failed);
  await hosts.post(lease, 'sync-in', { localPath });
  expect(await contentOf(remote)).toEqual({ a: '644 a' });

  await hosts.post(lease, 'execute', { command: 'sh', args: ['-c', 'echo b > b'] });
  expect(await stopped('sync-out', { localPath })).toMatchObject(failed);
  expect(await contentOf(localPath)).toEqual({ a: '644 a' });
  await hosts.post(lease, 'sync-out', { localPath });
  expect(await contentOf(localPath)).toEqual({ a: '644 a', b: '644 b\n' });

  await sshd.freeze();
  await hosts.service.api.release(lease.id);
  await sshd.thaw();
  while ((await hosts.service.api.lease(lease.id)).cleanupStatus !== 'success') await sleep(100);
});
