import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { LeaseJson } from '../../../src/domain/leases/lease-json.js';
import { FAKE_PLUGIN, PLAIN_PLUGIN } from '../drivers/plugin/plugins-under-test.js';
import { serve, type Service } from '../../support/service.js';
import { BINARY, makeProject, RUN } from './git-project.js';
import { contentOf } from './workspace-service.js';

let service: Service;
let home: string;
let roots: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-boxes-`));
  roots = join(home, 'roots');
  await mkdir(roots);
  service = await serve({
    LEASEHOLD_DATA_DIR: join(home, 'data'),
    LEASEHOLD_WORKSPACE_ROOTS: JSON.stringify([roots]),
    LEASEHOLD_PLUGINS: `${FAKE_PLUGIN},${PLAIN_PLUGIN}`,
  });
});
afterAll(async () => {
  await service?.close();
  await rm(home, { recursive: true, force: true });
});

interface Held {
  readonly companyId: string;
  readonly environmentId: string;
}

async function environment(config: object = {}): Promise<Held> {
  const companyId = randomUUID();
  const wish = { name: 'Boxes', driver: 'sandbox', config: { provider: 'bubblewrap', ...config } };
  return { companyId, environmentId: (await service.api.createEnvironment(companyId, wish)).id };
}

const REUSED = { leasePolicy: 'reuse_by_environment' };
const acquire = async ({ companyId, environmentId }: Held, wish: object = {}): Promise<LeaseJson> =>
  (await service.api.acquire(companyId, { environmentId, ...wish })).lease;
const post = <Body>({ id }: LeaseJson, what: string, body: object): Promise<Body> =>
  service.api.expect(200, 'POST', `/api/environment-leases/${id}/${what}`, body);
const run = (lease: LeaseJson, script: string): Promise<{ exitCode: number; stdout: string }> =>
  post(lease, 'execute', { command: 'sh', args: ['-euc', script] });

test.each(['bubblewrap', 'fake-plugin', 'plain-plugin'])(
  'a git workspace goes into a sandbox of %s, is changed there, and comes back',
  async (provider) => {
    const folder = join(roots, `project-${provider}`);
    await mkdir(folder);
    await makeProject(folder);
    const before = await contentOf(folder);
    const lease = await acquire(await environment(provider === 'bubblewrap' ? {} : { provider, root: home }));
    await post(lease, 'sync-in', { localPath: folder });
    expect((await run(lease, RUN)).exitCode).toBe(0);
    await writeFile(join(folder, 'untouched'), 'edited here meanwhile\n');
    expect(await post(lease, 'sync-out', { localPath: folder })).toMatchObject({ conflicts: [], leftOut: [] });
    const { removed: _removed, ...rest } = before;
    expect(await contentOf(folder)).toMatchObject({
      ...rest,
      'README.md': '644 one\ntwo\nthree\nfour\n',
      binary: `644 ${BINARY.toString('latin1')}\0\x01\xff`,
      'bin/tool': '644 #!/bin/sh\necho tool\n',
      link: '-> made',
      made: '755 made\n',
      untouched: '644 edited here meanwhile\n',
    });
    await service.api.release(lease.id);
  },
);

test('a symlink that leads out of the sandbox brings nothing of the host back', async () => {
  const folder = join(roots, 'links');
  await mkdir(folder);
  const secret = join(home, 'secret');
  await writeFile(secret, 'of the host\n');
  await symlink('nothing', join(folder, 'link'));
  const lease = await acquire(await environment());
  await post(lease, 'sync-in', { localPath: folder });
  await run(lease, `rm link; ln -s ${secret} link; ln -s / root; ln -s ../../.. up`);
  await post(lease, 'sync-out', { localPath: folder });
  expect(await contentOf(folder)).toEqual({ link: `-> ${secret}`, root: '-> /', up: '-> ../../..' });
  await service.api.release(lease.id);
});

test('an unchanged sandbox is reused, workspace and all; a changed one is made afresh and says why', async () => {
  const held = await environment({ memoryMb: 256 });
  const first = await acquire(held, REUSED);
  await run(first, 'echo half done > work; (sleep 600 &)');
  await service.api.release(first.id);
  const second = await acquire(held, REUSED);
  expect(second).toMatchObject({ reusedLeaseId: first.id, providerLeaseId: first.providerLeaseId });
  expect((await run(second, 'cat work; ls /proc | grep -c "^[0-9]" ')).stdout).toMatch(/^half done\n[1-9]\n$/);
  // Whose end has come is not heard any more.
  const late = { command: 'true' };
  expect((await service.api.send('POST', `/api/environment-leases/${first.id}/execute`, late)).status).toBe(409);
  await service.api.release(second.id);
  await service.api.patchEnvironment(held.environmentId, { config: { memoryMb: 512 } });
  const third = await acquire(held, REUSED);
  expect(third.reuseRejected).toEqual([
    { leaseId: second.id, reasonCode: 'fingerprint_changed', fields: ['config.memoryMb'] },
  ]);
  expect((await run(third, 'ls -A | grep -v leasehold || true')).stdout).toBe('');
  await service.api.release(third.id);
  await service.api.deleteEnvironment(held.environmentId);
});

test('a sandbox that has lost its folder is replaced', async () => {
  const held = await environment();
  const first = await acquire(held, REUSED);
  await service.api.release(first.id);
  const boxes = join(home, 'data', 'sandboxes');
  for (const name of await sandboxesIn(boxes)) await rm(join(boxes, name), { recursive: true, force: true });
  const second = await acquire(held, REUSED);
  expect(second).toMatchObject({ status: 'active', reuseRejected: [{ reasonCode: 'resume_check_failed' }] });
  expect((await run(second, 'echo here')).stdout).toBe('here\n');
  await service.api.release(second.id, { status: 'failed' });
});

test('a failed lease’s sandbox is retained and looked into', async () => {
  const held = await environment();
  const lease = await acquire(held, { leasePolicy: 'retain_on_failure' });
  await run(lease, 'echo core > dump');
  await service.api.release(lease.id, { status: 'failed' });
  const path = `/api/environment-leases/${lease.id}/resume`;
  const { lease: resumed } = await service.api.expect<{ lease: LeaseJson }>(201, 'POST', path, {});
  expect((await run(resumed, 'cat dump')).stdout).toBe('core\n');
  await service.api.release(resumed.id);
});

test('nothing of a sandbox that was given back is left', async () => {
  const boxes = join(home, 'data', 'sandboxes');
  for (let attempt = 0; attempt < 200 && (await sandboxesIn(boxes)).length > 0; attempt += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(await sandboxesIn(boxes)).toEqual([]);
});

/** Besides what the driver keeps of all of them, such as marks of those that have ended. */
async function sandboxesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => !name.startsWith('.'));
}
