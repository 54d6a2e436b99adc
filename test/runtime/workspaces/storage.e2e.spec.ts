import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { LeaseholdError } from '../../../src/errors/catalogue.js';
import { problemOf } from '../../../src/runtime/workspaces/lease-sides.js';
import { WorkspaceService } from './workspace-service.js';

test('F19: a full disk of the service’s machine has a code of its own', () => {
  for (const code of ['ENOSPC', 'EDQUOT']) {
    const error = Object.assign(new Error(`${code}: write`), { code, syscall: 'write' });
    const problem = problemOf(error, 'lease', 'workspace_sync_failed');
    expect(problem).toBeInstanceOf(LeaseholdError);
    expect(problem).toMatchObject({ code: 'storage_full' });
  }
});

test('F19: a data folder that cannot be written to is no mistake of the service', async () => {
  const service = await WorkspaceService.start();
  try {
    const { id } = await service.lease();
    const localPath = await service.folder('project');
    await mkdir(service.dataDir, { recursive: true });
    await rm(join(service.dataDir, 'spool'), { recursive: true, force: true });
    await writeFile(join(service.dataDir, 'spool'), 'in the way');
    for (const [what, body] of [
      ['sync-in', { localPath }],
      ['sync-out', { localPath }],
      ['sync-out', {}],
    ] as const) {
      expect(await service.post(id, what, body, 503)).toMatchObject({ code: 'storage_unavailable' });
    }
  } finally {
    await service.close();
  }
});
