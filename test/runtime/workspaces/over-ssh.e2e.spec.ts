import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { account } from '../../support/accounts.js';
import { withoutTools } from '../../support/faulty-workspace.js';
import { IS_SOAK } from '../../support/soak.js';
import { startUnusual, UNUSUAL_HOSTS, UNUSUAL_TOGETHER } from '../../support/ssh-hosts.js';
import { contentOfArchive, tar } from './archives.js';
import { BINARY, RUN } from './git-project.js';
import { HostsOverSsh } from './hosts-over-ssh.js';
import { contentOf, git } from './workspace-service.js';

let hosts: HostsOverSsh;
beforeAll(async () => {
  hosts = await HostsOverSsh.start();
});
afterAll(() => hosts?.close());

describe('a workspace on a host that is reached over SSH', () => {
  test('of git goes out, is changed by a command, and comes back; edits made here meanwhile survive, a conflict is told of', async () => {
    const folder = await hosts.project();
    const before = await contentOf(folder);
    const { lease, remote } = await hosts.lease();
    await hosts.post(lease, 'sync-in', { localPath: folder });
    const { 'ignored/': _folder, 'ignored/cache': _cache, ...travelled } = before;
    expect(await contentOf(remote)).toEqual(travelled);
    expect(await git(remote, 'log', '--format=%s')).toBe('second\nfirst');
    expect(await git(remote, 'status', '--porcelain')).toBe(await git(folder, 'status', '--porcelain'));

    const run = await hosts.post<{ exitCode: number }>(lease, 'execute', {
      command: 'sh',
      args: ['-euc', `${RUN}\necho run > both`],
    });
    expect(run.exitCode).toBe(0);
    await writeFile(join(folder, 'untouched'), 'edited here meanwhile\n');
    await writeFile(join(folder, 'both'), 'mine\n');

    const back = await hosts.post<{ conflicts: unknown }>(lease, 'sync-out', { localPath: folder });
    expect(back).toMatchObject({ conflicts: [{ path: 'both', kind: 'added_on_both_sides' }], leftOut: [] });
    const { removed: _removed, ...rest } = before;
    expect(await contentOf(folder)).toEqual({
      ...rest,
      'README.md': '644 one\ntwo\nthree\nfour\n',
      binary: `644 ${BINARY.toString('latin1')}\0\x01\xff`,
      'bin/tool': '644 #!/bin/sh\necho tool\n',
      both: '644 mine\n',
      'deep/': '',
      'deep/er/': '',
      'deep/er/file': '644 x',
      link: '-> made',
      made: '755 made\n',
      untouched: '644 edited here meanwhile\n',
    });
  });

  test('a tar stream is sent there and taken back, without any folder of the service’s machine', async () => {
    const { lease, remote } = await hosts.lease();
    const at = `${hosts.service.api.url}/api/environment-leases/${lease.id}`;
    const archive = await tar(
      { name: 'bin/tool', text: '#!/bin/sh\necho tool\n', mode: 0o755 },
      { name: 'binary', text: BINARY.toString('latin1') },
      { name: 'removed', text: 'x' },
      { name: 'link', type: 'symlink', linkname: 'bin/tool' },
    );
    const headers = { 'content-type': 'application/x-tar' };
    const sent = await fetch(`${at}/sync-in`, { method: 'POST', headers, body: archive });
    expect([sent.status, await sent.json()]).toMatchObject([200, { summary: { strategy: 'archive', symlinks: 1 } }]);
    expect(Object.keys(await contentOf(remote))).toEqual(['bin/', 'bin/tool', 'binary', 'link', 'removed']);

    const args = ['-euc', `${RUN}\n./bin/tool > said || echo 'no program any more' > said`];
    await hosts.post(lease, 'execute', { command: 'sh', args });
    const taken = await fetch(`${at}/sync-out`, { method: 'POST' });
    expect([taken.status, taken.headers.get('content-type')]).toEqual([200, 'application/x-tar']);
    const content = await contentOfArchive(await taken.arrayBuffer());
    expect(content).toMatchObject({
      'bin/tool': '644 #!/bin/sh\necho tool\n',
      link: '-> made',
      made: '755 made\n',
      'deep/er/file': '644 x',
      said: '644 no program any more\n',
    });
    expect(content).not.toHaveProperty('removed');
  });

  test('of a lease is not taken for that of another which has come in its place', async () => {
    const { lease: first, remote, another } = await hosts.lease();
    const second = await another();
    const [mine, theirs] = [await hosts.project(), await hosts.project()];
    await hosts.post(first, 'sync-in', { localPath: mine });
    const refused = await hosts.post<object>(second, 'sync-in', { localPath: theirs }, 409);
    expect(refused).toMatchObject({ code: 'workspace_not_empty' });
    const inUse = await hosts.post<object>(second, 'sync-in', { localPath: theirs, replace: true }, 409);
    expect(inUse).toMatchObject({ code: 'workspace_in_use' });
    expect(await readFile(join(remote, 'README.md'), 'utf8')).toBe(await readFile(join(mine, 'README.md'), 'utf8'));
    // Its own run has removed all: now another may fill the folder.
    await hosts.post(first, 'execute', { command: 'sh', args: ['-c', 'rm -rf ..?* .[!.l]* *'] });
    await hosts.post(second, 'sync-in', { localPath: theirs });
    await hosts.post(second, 'execute', { command: 'sh', args: ['-c', 'echo theirs > README.md'] });

    const before = await contentOf(mine);
    const gone = await hosts.post<object>(first, 'sync-out', { localPath: mine }, 409);
    expect(gone).toMatchObject({ code: 'workspace_changed' });
    expect(await contentOf(mine)).toEqual(before);
    const at = `${hosts.service.api.url}/api/environment-leases/${first.id}/sync-out`;
    const whole = await contentOfArchive(await (await fetch(at, { method: 'POST' })).arrayBuffer());
    expect(whole).toMatchObject({ 'README.md': '644 theirs\n' });
    await hosts.post(second, 'sync-out', { localPath: theirs });
    expect(await readFile(join(theirs, 'README.md'), 'utf8')).toBe('theirs\n');

    // Once the other has ended, its files may be replaced.
    await hosts.service.api.release(second.id);
    await hosts.post(first, 'sync-in', { localPath: mine, replace: true });
  });

  test.each([...UNUSUAL_HOSTS, ...(IS_SOAK ? UNUSUAL_TOGETHER : [])])(
    'goes out, is changed and comes back whole on a host with $name',
    async (unusual) => {
      const sshd = await startUnusual(unusual);
      try {
        const { lease, remote } = await hosts.leaseOn(sshd);
        const folder = join(hosts.roots, randomUUID());
        await mkdir(join(folder, 'deep', 'er'), { recursive: true });
        const long = `${'n'.repeat(180)}-ünï`;
        for (const name of ['data.db', 'deep/er/file', 'ünï 😀', 'two\nlines', '-n', long])
          await writeFile(join(folder, name), name);
        const before = await contentOf(folder);
        await hosts.post(lease, 'sync-in', { localPath: folder });
        expect(await contentOf(remote)).toEqual(before);
        const run =
          'truncate -s 3M data.db; printf END >> data.db; ln deep/er/file hard; echo x >> "ünï 😀"; rm ./-n; mkdir new; ln -s data.db link';
        expect(await hosts.post<object>(lease, 'execute', { command: 'sh', args: ['-ec', run] })).toMatchObject({
          exitCode: 0,
        });
        const back = await hosts.post<object>(lease, 'sync-out', { localPath: folder });
        expect(back).toMatchObject({ conflicts: [], leftOut: [] });
        expect(await contentOf(folder)).toEqual(await contentOf(remote));
        expect((await readFile(join(folder, 'data.db'))).length).toBe(3 * 1024 * 1024 + 3);
        expect(await readFile(join(folder, 'hard'), 'utf8')).toBe('deep/er/file');
        await hosts.service.api.release(lease.id);
      } finally {
        await sshd.stop();
      }
    },
  );

  test('is refused before anything is sent where a tool could not bring it back', async () => {
    const { config, ...made } = await account({ tools: 'busybox', unable: 'sort' });
    try {
      const { lease, remote } = await hosts.lease({ config });
      const folder = await hosts.project();
      const problem = await hosts.post<object>(lease, 'sync-in', { localPath: join(folder, 'bin') }, 502);
      expect(problem).toMatchObject({
        reasonCode: 'tool_missing',
        detail: expect.stringContaining('sort') as unknown as string,
      });
      expect(await readdir(remote)).toEqual(['.leasehold']);
    } finally {
      await made.remove();
    }
  });

  test('is refused where the host has no git, with its own code, and nothing of it stays', async () => {
    const machine = await withoutTools('git');
    try {
      const folder = await hosts.project();
      const { lease } = await hosts.lease(machine);
      const problem = await hosts.post<object>(lease, 'sync-in', { localPath: folder }, 502);
      expect(problem).toMatchObject({ code: 'workspace_sync_failed', reasonCode: 'tool_missing' });
      expect(await readdir(machine.workspace)).toEqual(['.leasehold']);
      expect(await readdir(join(machine.workspace, '.leasehold'))).not.toContain('sync');
      // The lease is none the worse for it, and what is no repository needs no git.
      const plain = join(hosts.roots, 'plain');
      await mkdir(plain);
      await writeFile(join(plain, 'a'), 'a');
      await hosts.post(lease, 'sync-in', { localPath: plain });
      expect(await readFile(join(machine.workspace, 'a'), 'utf8')).toBe('a');
    } finally {
      await machine.remove();
    }
  });
});
