import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LeaseJson } from '../../src/leases/lease-json.js';
import { withoutTools } from '../support/faulty-workspace.js';
import { serve, type Service } from '../support/service.js';
import { startSshd, type SshdOptions, type TestSshd } from '../support/sshd.js';
import { BINARY, makeProject, RUN } from './git-project.js';
import { contentOf, git } from './workspace-service.js';

/** A service, and hosts that it reaches over SSH. */
class Hosts {
  readonly #sshds: TestSshd[] = [];

  private constructor(
    readonly service: Service,
    readonly roots: string,
  ) {}

  static async start(): Promise<Hosts> {
    const roots = await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-ssh-ws-`));
    return new Hosts(await serve({ LEASEHOLD_WORKSPACE_ROOTS: JSON.stringify([roots]) }), roots);
  }

  async close(): Promise<void> {
    await this.service.close();
    for (const sshd of this.#sshds) await sshd.stop();
    await rm(this.roots, { recursive: true, force: true });
  }

  async lease(
    options: SshdOptions & { readonly workspace?: string } = {},
  ): Promise<{ lease: LeaseJson; remote: string }> {
    const { api } = this.service;
    const sshd = await startSshd(options);
    this.#sshds.push(sshd);
    const { host, port, username, knownHosts, privateKey } = sshd;
    const remote = options.workspace ?? sshd.workspace;
    const config = { host, port, username, remoteWorkspacePath: remote, knownHosts, privateKey };
    const companyId = randomUUID();
    const { id: environmentId } = await api.createEnvironment(companyId, { name: 'Host', driver: 'ssh', config });
    return { lease: (await api.acquire(companyId, { environmentId })).lease, remote };
  }

  post<Body>({ id }: LeaseJson, what: string, body: object, status = 200): Promise<Body> {
    return this.service.api.expect(status, 'POST', `/api/environment-leases/${id}/${what}`, body);
  }

  async project(): Promise<string> {
    const folder = join(this.roots, randomUUID());
    await mkdir(folder);
    return makeProject(folder);
  }
}

let hosts: Hosts;
beforeAll(async () => {
  hosts = await Hosts.start();
});
afterAll(() => hosts?.close());

describe('a git workspace on a host that is reached over SSH', () => {
  test('goes out, is changed by a command, and comes back; edits made here meanwhile survive, a conflict is told of', async () => {
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

  test('is refused where the host has no git, with its own code, and nothing of it stays', async () => {
    const machine = await withoutTools('git');
    try {
      const folder = await hosts.project();
      const { lease } = await hosts.lease(machine);
      const problem = await hosts.post<object>(lease, 'sync-in', { localPath: folder }, 502);
      expect(problem).toMatchObject({ code: 'workspace_sync_failed', reasonCode: 'tool_missing' });
      expect((await readdir(machine.workspace)).filter((name) => name !== '.leasehold')).toEqual([]);
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
