import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { tar } from './archives.js';
import { contentOf, WorkspaceService } from './workspace-service.js';

let service: WorkspaceService;
beforeAll(async () => {
  service = await WorkspaceService.start();
});
afterAll(() => service?.close());

const source = { kind: 'project_primary', localPath: '/srv/project', repoUrl: 'https://example.org/a.git' };

describe('a workspace that is realized', () => {
  test('is made, has its command run in it, and is in the lease’s metadata', async () => {
    const { id, folder, lease } = await service.lease();
    await rm(folder, { recursive: true });
    const runtimeOverlay = { provisionCommand: 'pwd > made' };
    const answer = await service.post(id, 'realize-workspace', { version: 1, source, runtimeOverlay });
    expect(await readFile(join(folder, 'made'), 'utf8')).toBe(`${folder}\n`);
    const { environmentId, providerLeaseId } = lease;
    expect(answer['workspaceRealization']).toEqual({
      version: 1,
      transport: 'sandbox',
      provider: 'process',
      environmentId,
      leaseId: id,
      providerLeaseId,
      local: {
        path: '/srv/project',
        source: 'project_primary',
        strategy: 'project_primary',
        projectId: null,
        projectWorkspaceId: null,
        repoUrl: 'https://example.org/a.git',
        repoRef: null,
        branchName: null,
        worktreePath: null,
      },
      remote: { path: folder, host: null, port: null, username: null, sandboxId: providerLeaseId },
      sync: { strategy: 'sandbox_archive_upload_download', prepare: 'sync-in', syncBack: 'sync-out' },
      bootstrap: { command: 'pwd > made' },
      rebuild: {
        executionWorkspaceId: null,
        mode: null,
        repoUrl: 'https://example.org/a.git',
        repoRef: null,
        localPath: '/srv/project',
        remotePath: folder,
        providerLeaseId,
        metadata: {
          provisionCommand: 'pwd > made',
          teardownCommand: null,
          cleanupCommand: null,
          workspaceRuntime: null,
        },
      },
      summary: `The workspace is at ${folder} (sandbox).`,
    });
    const { metadata } = await service.service.api.lease(id);
    expect(metadata).toMatchObject({ workspaceRealization: answer['workspaceRealization'] });
  });

  test('is made once for one Idempotency-Key', async () => {
    const { id, folder } = await service.lease();
    const path = `/api/environment-leases/${id}/realize-workspace`;
    const body = { version: 1, source, runtimeOverlay: { provisionCommand: 'echo again >> times' } };
    const headers = { 'idempotency-key': randomUUID() };
    const { api } = service.service;
    const first = await api.expect(200, 'POST', path, body, headers);
    expect(await api.expect(200, 'POST', path, body, headers)).toEqual(first);
    expect(await readFile(join(folder, 'times'), 'utf8')).toBe('again\n');
    const other = { ...body, runtimeOverlay: null };
    expect(await api.send('POST', path, other, headers)).toMatchObject({ body: { code: 'idempotency_key_reused' } });
  });

  test('is none where its command fails, or the request is of another lease or version', async () => {
    const { id } = await service.lease();
    const overlay = { provisionCommand: 'echo said by nobody; exit 3' };
    const failed = await service.post(id, 'realize-workspace', { version: 1, source, runtimeOverlay: overlay }, 502);
    expect(failed).toMatchObject({ code: 'workspace_realization_failed', reasonCode: 'driver_failed' });
    expect(JSON.stringify(failed)).not.toContain('said by nobody');
    for (const wrong of [
      { version: 2, source },
      { version: 1, source, environmentId: randomUUID() },
      { version: 1, source: { ...source, kind: 'elsewhere' } },
      { version: 1, source: { ...source, repoUrl: 'https://user:token@example.org/a.git' } },
    ]) {
      expect(await service.post(id, 'realize-workspace', wrong, 400)).toMatchObject({ code: 'validation_failed' });
    }
    expect((await service.service.api.lease(id)).metadata).not.toHaveProperty('workspaceRealization');
  });
});

describe('a workspace', () => {
  test('of a lease that has ended is neither made nor moved', async () => {
    const { id } = await service.lease();
    await service.service.api.release(id);
    const bodies = {
      'realize-workspace': { version: 1, source },
      'sync-in': { localPath: service.roots },
      'sync-out': {},
    };
    for (const [what, body] of Object.entries(bodies)) {
      expect(await service.post(id, what, body, 409)).toMatchObject({ code: 'lease_not_active' });
    }
  });

  test('of local work is where the caller is: there is nothing to move', async () => {
    const { api } = service.service;
    const company = randomUUID();
    const environment = await api.createEnvironment(company, { name: 'Here', driver: 'local' });
    const { lease } = await api.acquire(company, { environmentId: environment.id });
    const { workspaceRealization } = await service.post(lease.id, 'realize-workspace', { version: 1, source });
    expect(workspaceRealization).toMatchObject({
      transport: 'local',
      remote: { path: null },
      sync: { strategy: 'none', prepare: null, syncBack: null },
    });
    const refused = await service.post(lease.id, 'sync-in', { localPath: service.roots }, 422);
    expect(refused).toMatchObject({ code: 'unsupported_operation' });
  });

  test('is moved by one call at a time', async () => {
    const { id, folder } = await service.lease();
    const slow = service.post(id, 'realize-workspace', {
      ...{ version: 1, source },
      runtimeOverlay: { provisionCommand: 'touch begun; until [ -e go ]; do sleep 0.02; done' },
    });
    while (!('begun' in (await contentOf(folder)))) await new Promise((resolve) => setTimeout(resolve, 20));
    const second = await service.sendArchive(id, await tar({ name: 'go' }));
    expect(await second.json()).toMatchObject({ status: 409, code: 'sync_in_progress' });
    await service.service.api.expect(200, 'POST', `/api/environment-leases/${id}/execute`, {
      command: 'touch',
      args: ['go'],
    });
    await slow;
  });
});
