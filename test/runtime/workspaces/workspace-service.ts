import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Settings } from '../../../src/platform/config/config.js';
import type { LeaseJson } from '../../../src/domain/leases/lease-json.js';
import { serve, type Service } from '../../support/service.js';
import { ProcessDriver } from './process-driver.js';

const run = promisify(execFile);

/** A service with a provider of real processes, and a folder that callers may name paths in. */
export class WorkspaceService {
  private constructor(
    readonly service: Service,
    readonly driver: ProcessDriver,
    /** Of this test alone; `roots` is in it, and so is what is outside of them. */
    readonly home: string,
    readonly roots: string,
  ) {}

  /** @param otherRoots names in its home, of what need not be there yet */
  static async start(settings: Settings = {}, otherRoots: readonly string[] = []): Promise<WorkspaceService> {
    const home = await realpath(await mkdtemp(join(tmpdir(), `leasehold-test-run-${String(process.pid)}-ws-`)));
    const roots = join(home, 'roots');
    await mkdir(roots);
    const driver = new ProcessDriver(join(home, 'leases'));
    const allowed = [roots, ...otherRoots.map((name) => join(home, name))];
    const own = { LEASEHOLD_DATA_DIR: join(home, 'data'), LEASEHOLD_WORKSPACE_ROOTS: JSON.stringify(allowed) };
    const service = await serve({ ...own, ...settings }, [driver]);
    return new WorkspaceService(service, driver, home, roots);
  }

  /** The service's own. */
  get dataDir(): string {
    return join(this.home, 'data');
  }

  async close(): Promise<void> {
    await this.service.close();
    await rm(this.home, { recursive: true, force: true });
  }

  async lease(): Promise<{ readonly id: string; readonly folder: string; readonly lease: LeaseJson }> {
    const { api } = this.service;
    const company = randomUUID();
    const wanted = { name: 'Processes', driver: 'sandbox', config: { provider: 'process' } };
    const environment = await api.createEnvironment(company, wanted);
    const { lease } = await api.acquire(company, { environmentId: environment.id });
    return { id: lease.id, folder: this.driver.folder(lease.id), lease };
  }

  /** A new folder under the roots. */
  async folder(name: string): Promise<string> {
    const folder = join(this.roots, `${name}-${randomUUID().slice(0, 8)}`);
    await mkdir(folder);
    return folder;
  }

  async post(leaseId: string, what: string, body: object = {}, status = 200): Promise<Record<string, unknown>> {
    return this.service.api.expect(status, 'POST', `/api/environment-leases/${leaseId}/${what}`, body);
  }

  async sendArchive(leaseId: string, archive: Uint8Array<ArrayBuffer>, query = ''): Promise<Response> {
    const url = `${this.service.api.url}/api/environment-leases/${leaseId}/sync-in${query}`;
    return fetch(url, { method: 'POST', headers: { 'content-type': 'application/x-tar' }, body: archive });
  }

  async takeArchive(leaseId: string, body: object = {}): Promise<Response> {
    const url = `${this.service.api.url}/api/environment-leases/${leaseId}/sync-out`;
    const headers = { 'content-type': 'application/json' };
    return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  }
}

const GIT_ENV = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.org',
};

export async function git(folder: string, ...args: string[]): Promise<string> {
  const settings = ['-c', 'init.defaultBranch=main', '-c', 'maintenance.auto=false'];
  const { stdout } = await run('git', [...settings, ...args], { cwd: folder, env: GIT_ENV });
  return stdout.trim();
}

/** Runs a script in a folder, as a run would in its workspace. */
export async function script(folder: string, text: string): Promise<string> {
  return (await run('sh', ['-euc', text], { cwd: folder, env: GIT_ENV })).stdout;
}

/** What is in a folder: a file's mode and content, a symlink's target; without git's and our own folders. */
export async function contentOf(folder: string, below = ''): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for (const name of (await readdir(join(folder, below))).sort()) {
    if (name === '.git' || name === '.leasehold') continue;
    const path = below === '' ? name : `${below}/${name}`;
    const stats = await lstat(join(folder, path));
    if (stats.isSymbolicLink()) content[path] = `-> ${await readlink(join(folder, path))}`;
    else if (stats.isDirectory()) Object.assign(content, { [`${path}/`]: '' }, await contentOf(folder, path));
    else
      content[path] = `${(stats.mode & 0o777).toString(8)} ${(await readFile(join(folder, path))).toString('latin1')}`;
  }
  return content;
}
