import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { readConfig } from '../../../src/platform/config/config.js';
import { contentOf, git, script, WorkspaceService } from './workspace-service.js';

describe('M1: roots by company', () => {
  test('a token of one company uses its own folders, not another’s and not those of nobody', async () => {
    const [companyA, companyB] = [randomUUID(), randomUUID()];
    const service = await WorkspaceService.start();
    try {
      const folder = async (name: string): Promise<string> => {
        await mkdir(join(service.home, name));
        await writeFile(join(service.home, name, 'private'), `of ${name}\n`);
        return join(service.home, name);
      };
      const [ofA, ofB, shared] = [await folder('a'), await folder('b'), await folder('shared')];
      const roots = { [companyA.toUpperCase()]: [ofA], [companyB]: [ofB], '*': [shared] };
      await service.service.restart({ LEASEHOLD_WORKSPACE_ROOTS: JSON.stringify(roots) });
      const { api } = service.service;
      const wanted = { name: 'Processes', driver: 'sandbox', config: { provider: 'process' } };
      const environment = await api.createEnvironment(companyA, wanted);
      const { lease } = await api.acquire(companyA, { environmentId: environment.id });
      const bearer = async (permissions: string[], companies: string[] | null): Promise<Record<string, string>> => {
        const token = { name: 'A', companies, permissions };
        const { value } = await api.expect<{ value: string }>(201, 'POST', '/api/tokens', token, admin);
        return { authorization: `Bearer ${value}` };
      };
      let admin: Record<string, string> = {};
      admin = await bearer(['admin'], null);
      const limited = await bearer(['leases:operate'], [companyA]);
      const sync = async (localPath: string, headers: Record<string, string>): Promise<number[]> => {
        const statuses: number[] = [];
        for (const what of ['sync-in', 'sync-out']) {
          const url = `/api/environment-leases/${lease.id}/${what}`;
          statuses.push((await api.send('POST', url, { localPath }, headers)).status);
        }
        return statuses;
      };
      expect(await sync(ofB, limited)).toEqual([403, 403]);
      expect(await sync(shared, limited)).toEqual([403, 403]);
      // Whose lease it is counts, whoever asks.
      expect(await sync(ofB, admin)).toEqual([403, 403]);
      expect(await sync(ofA, limited)).toEqual([200, 200]);
      expect(await sync(shared, admin)).toEqual([200, 200]);
      expect(await contentOf(ofB)).toEqual({ private: '644 of b\n' });
    } finally {
      await service.close();
    }
  });

  test.each(['{"all":["/srv"]}', '{"*":["srv"]}', '{"*":"/srv"}', '"/srv"', '1'])('%s is refused', (value) => {
    expect(() => readConfig({ LEASEHOLD_WORKSPACE_ROOTS: value })).toThrow(/^LEASEHOLD_WORKSPACE_ROOTS /);
  });
});

describe('M3: a repository that has another name than .git', () => {
  test('is left out, whichever of its parts come from where, and nothing of it is run', async () => {
    const service = await WorkspaceService.start();
    try {
      const witness = join(service.home, 'was-run');
      const folder = await service.folder('project');
      for (const part of ['objects', 'refs']) await mkdir(join(folder, 'halves', part), { recursive: true });
      await writeFile(join(folder, 'halves/objects/kept'), '');
      const { id, folder: remote } = await service.lease();
      await service.post(id, 'sync-in', { localPath: folder });
      const evil = `git config core.fsmonitor 'touch ${witness}; false'; git config core.worktree ..`;
      await script(
        remote,
        `git init -q t0; cd t0; ${evil}; git -c user.name=a -c user.email=a@b commit -qm x --allow-empty; cd ..
         cp -r t0/.git vendor; cp t0/.git/HEAD t0/.git/config halves/; mkdir linked
         cp vendor/HEAD linked; echo ../vendor > linked/commondir; rm -rf t0
         mkdir -p harmless/refs; echo text > harmless/HEAD; echo new > new`,
      );
      // The run's own git has run it, in its workspace.
      await rm(witness, { force: true });
      const back = await service.post(id, 'sync-out', { localPath: folder });
      const leftOut = (back['leftOut'] as { path: string }[]).map(({ path }) => path);
      expect(leftOut).toEqual(
        expect.arrayContaining(['vendor/HEAD', 'vendor/config', 'halves/HEAD', 'linked/commondir']),
      );
      expect(leftOut.filter((path) => !/^(vendor|halves|linked)\//.test(path))).toEqual([]);
      expect(await contentOf(folder)).toMatchObject({ new: '644 new\n', 'harmless/HEAD': '644 text\n' });
      for (const name of ['vendor', 'halves', 'linked']) {
        await git(join(folder, name), 'status').catch(() => undefined);
      }
      expect(await contentOf(service.home)).not.toHaveProperty('was-run');
    } finally {
      await service.close();
    }
  });
});
