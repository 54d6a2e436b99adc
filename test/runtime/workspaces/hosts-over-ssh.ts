import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LeaseJson } from '../../../src/domain/leases/lease-json.js';
import { serve, type Service } from '../../support/service.js';
import { startSshd, type SshdOptions, type TestSshd } from '../../support/sshd.js';
import { makeProject } from './git-project.js';

export interface Leased {
  readonly lease: LeaseJson;
  readonly remote: string;
  readonly another: () => Promise<LeaseJson>;
}

/** A service, and hosts that it reaches over SSH. */
export class HostsOverSsh {
  readonly #sshds: TestSshd[] = [];

  private constructor(
    readonly service: Service,
    readonly roots: string,
  ) {}

  static async start(): Promise<HostsOverSsh> {
    const roots = await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-ssh-ws-`));
    return new HostsOverSsh(await serve({ LEASEHOLD_WORKSPACE_ROOTS: JSON.stringify([roots]) }), roots);
  }

  async close(): Promise<void> {
    await this.service.close();
    for (const sshd of this.#sshds) await sshd.stop();
    await rm(this.roots, { recursive: true, force: true });
  }

  async lease(options: SshdOptions & { readonly workspace?: string } = {}): Promise<Leased> {
    const sshd = await startSshd(options);
    this.#sshds.push(sshd);
    return this.leaseOn(sshd, options.workspace);
  }

  async leaseOn(sshd: TestSshd, remote = sshd.workspace): Promise<Leased> {
    const { api } = this.service;
    const { host, port, username, knownHosts, privateKey } = sshd;
    const config = { host, port, username, remoteWorkspacePath: remote, knownHosts, privateKey };
    const companyId = randomUUID();
    const { id: environmentId } = await api.createEnvironment(companyId, { name: 'Host', driver: 'ssh', config });
    const another = async (): Promise<LeaseJson> => (await api.acquire(companyId, { environmentId })).lease;
    return { lease: await another(), remote, another };
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
