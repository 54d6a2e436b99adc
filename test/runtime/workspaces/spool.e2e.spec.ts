import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { processOf } from '../../../src/runtime/drivers/sandbox/bubblewrap/processes.js';
import { until } from '../../support/projections.js';
import { git, script, WorkspaceService } from './workspace-service.js';

test('L15: what a killed process has left in the spool is gone at the next start; what a living one has is not', async () => {
  const service = await WorkspaceService.start();
  try {
    const spool = join(service.dataDir, 'spool');
    // Process 1 lives; what says another start of it was one before it.
    const living = `1.${(await processOf(1))?.startedAt ?? ''}`;
    for (const name of [living, '1.1', '4194999.77', 'what']) {
      await mkdir(join(spool, name), { recursive: true });
      await writeFile(join(spool, name, 'file'), 'a workspace of somebody');
    }
    await service.service.restart();
    expect(await readdir(spool)).toEqual([living]);
  } finally {
    await service.close();
  }
});

test('L15: nothing is spooled but in the data folder, where nobody else may look, and nothing stays there', async () => {
  const service = await WorkspaceService.start();
  try {
    const folder = await service.folder('project');
    await git(folder, 'init', '-q');
    await git(folder, 'commit', '-qm', 'first', '--allow-empty');
    const { id, folder: remote } = await service.lease();
    await service.post(id, 'sync-in', { localPath: folder });
    await script(remote, 'head -c 2000000 /dev/zero > big; git add -A; git commit -qm run');
    let seen: string[] = [];
    const { driver } = service;
    const execute = driver.execute.bind(driver);
    driver.execute = async (request) => {
      seen = [...new Set([...seen, ...(await readdir(join(service.dataDir, 'spool'), { recursive: true }))])];
      return execute(request);
    };
    await service.post(id, 'sync-out', { localPath: folder });
    await (await service.takeArchive(id)).arrayBuffer();
    const own = `${process.pid}.${(await processOf(process.pid))?.startedAt ?? ''}`;
    expect(seen.filter((name) => name.startsWith(`${own}/sync-`))).not.toEqual([]);
    expect((await stat(join(service.dataDir, 'spool', own))).mode & 0o777).toBe(0o700);
    await until(async () => (await readdir(join(service.dataDir, 'spool', own))).length === 0);
  } finally {
    await service.close();
  }
});
