import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { contentOfArchive } from './archives.js';
import { contentOf, script, WorkspaceService } from './workspace-service.js';

let service: WorkspaceService;
beforeAll(async () => {
  service = await WorkspaceService.start();
});
afterEach(() => {
  service.driver.path = null;
});
afterAll(() => service?.close());

/** Lets the lease's side pack by another tar. */
async function packBy(text: string): Promise<void> {
  const folder = join(service.home, `tools-${String(Math.random())}`);
  await mkdir(folder);
  await writeFile(join(folder, 'tar'), `#!/bin/sh\n${text}\n`);
  await chmod(join(folder, 'tar'), 0o755);
  service.driver.path = `${folder}:${process.env['PATH'] ?? ''}`;
}

async function sent(): Promise<{ readonly id: string; readonly folder: string; readonly remote: string }> {
  const folder = await service.folder('project');
  await mkdir(join(folder, 'below'));
  for (const name of ['data.db', 'below/kept', 'gone']) await writeFile(join(folder, name), 'before\n');
  const { id, folder: remote } = await service.lease();
  await service.post(id, 'sync-in', { localPath: folder });
  await script(remote, 'rm gone; truncate -s 3M data.db; printf END >> data.db; echo new > new');
  return { id, folder, remote };
}

const BEFORE = { 'below/': '', 'below/kept': '644 before\n', 'data.db': '644 before\n', new: '644 new\n' };

test('F4: a sparse file that comes back is left out by its own name, and what is here stays', async () => {
  const { id, folder } = await sent();
  await packBy('exec /bin/tar --sparse --format=pax "$@"');
  const back = await service.post(id, 'sync-out', { localPath: folder });
  expect(back['summary']).toMatchObject({ added: 1, changed: 0, deleted: 1 });
  expect(back['leftOut']).toEqual([{ path: 'data.db', why: expect.stringContaining('GNU.sparse') }]);
  expect(await contentOf(folder)).toEqual(BEFORE);
});

test('F4: what is there but not in the archive that was made of it is left out, not deleted', async () => {
  const { id, folder } = await sent();
  await packBy('exec /bin/tar --exclude=./data.db --exclude=./below "$@"');
  const back = await service.post(id, 'sync-out', { localPath: folder });
  expect(back['summary']).toMatchObject({ added: 1, changed: 0, deleted: 1 });
  const why = 'it is there, but not in the archive that was made of it';
  expect(back['leftOut']).toEqual(['below', 'below/kept', 'data.db'].map((path) => ({ path, why })));
  expect(await contentOf(folder)).toEqual(BEFORE);

  const changes = await service.takeArchive(id, { changesOnly: true });
  const content = await contentOfArchive(await changes.arrayBuffer());
  expect(JSON.parse((content['.leasehold/changes.json'] ?? '').slice(4))).toMatchObject({ deleted: [] });
});
