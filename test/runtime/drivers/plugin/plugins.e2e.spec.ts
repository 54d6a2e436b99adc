import { randomUUID } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ExecutionAnswer } from '../../../../src/runtime/execution/http/execute-bodies.js';
import type { ProbeResult } from '../../../../src/domain/driver-contract/runtime-driver.js';
import type { LeaseJson } from '../../../../src/domain/leases/lease-json.js';
import type { Capabilities } from '../../../../src/runtime/probes/capabilities.js';
import type { Api } from '../../../support/api.js';
import { expectNoSecrets, useSecret } from '../../../support/secrets-used.js';
import { serve, ServiceHome, type Service, type ServiceProcess } from '../../../support/service.js';
import { FAKE_PLUGIN, ROGUE_PLUGIN } from './plugins-under-test.js';

describe('a plugin that is dropped in a folder', () => {
  let home: ServiceHome;
  let folder: string;
  let root: string;
  let service: ServiceProcess;
  let api: Api;
  const companyId = randomUUID();
  const apiKey = `plugin-key-${randomUUID()}`;

  beforeAll(async () => {
    useSecret('plugin key', apiKey);
    folder = await mkdtemp(join(tmpdir(), 'leasehold-test-dropped-'));
    root = join(folder, 'sandboxes');
    await mkdir(root);
    await cp(FAKE_PLUGIN, join(folder, 'plugin'), { recursive: true });
    // What `npm install` in there would make.
    await symlink(join(import.meta.dirname, '..', '..', '..', '..', 'node_modules'), join(folder, 'node_modules'));
    home = await ServiceHome.make();
    service = await home.start({ LEASEHOLD_PLUGINS: join(folder, 'plugin') });
    api = service.api;
  });
  afterAll(async () => {
    await home?.close();
    await rm(folder, { recursive: true });
  });

  const post = <Body>(leaseId: string, what: string, body: object = {}): Promise<Body> =>
    api.expect(200, 'POST', `/api/environment-leases/${leaseId}/${what}`, body);

  test('is in the capabilities', async () => {
    const found: Capabilities = await api.expect(200, 'GET', `/api/companies/${companyId}/environments/capabilities`);
    expect(found.sandboxProviders['fake-plugin']).toEqual({
      ...{ status: 'supported', supportsSavedProbe: true, supportsUnsavedProbe: true },
      ...{ supportsRunExecution: true, supportsReusableLeases: true },
      ...{ displayName: 'Fake plugin sandbox', description: 'A folder that stands for a sandbox.' },
      ...{ source: 'plugin', pluginKey: 'leasehold.fake-plugin', pluginId: 'leasehold.fake-plugin' },
    });
    expect(found.drivers.plugin).toBe('supported');
  });

  test('has its configs validated, by its schema and by itself', async () => {
    const wish = (config: object): object => ({ name: 'Plugin', driver: 'sandbox', config });
    const path = `/api/companies/${companyId}/environments`;
    const byField = { provider: 'fake-plugin', image: 1 };
    expect(await api.problem(400, 'POST', path, wish(byField))).toMatchObject({
      errors: [{ field: 'config.root' }, { field: 'config.image' }],
    });
    const byItself = { provider: 'fake-plugin', root: 'not/absolute' };
    expect(await api.problem(400, 'POST', path, wish(byItself))).toMatchObject({
      errors: [{ field: 'config.provider', message: 'root must be an absolute path' }],
    });
  });

  test.each(['sandbox', 'plugin'] as const)(
    'as a %s is probed, leased, realized, executed in, resumed, released and destroyed',
    async (driver) => {
      const own = { root, apiKey };
      const config =
        driver === 'sandbox'
          ? { provider: 'fake-plugin', ...own }
          : { pluginKey: 'leasehold.fake-plugin', driverKey: 'fake-plugin', driverConfig: own };
      const unsaved: ProbeResult = await api.expect(
        ...([200, 'POST', `/api/companies/${companyId}/environments/probe-config`] as const),
        { driver, config },
      );
      expect(unsaved).toMatchObject({ ok: true, driver, summary: `Sandboxes can be made in ${root}.` });
      const { id: environmentId } = await api.createEnvironment(companyId, { name: driver, driver, config });
      expect(await api.expect(200, 'POST', `/api/environments/${environmentId}/probe`)).toMatchObject({ ok: true });

      const wish = { environmentId, leasePolicy: 'reuse_by_environment' };
      const { lease } = await api.acquire(companyId, { ...wish, heartbeatRunId: randomUUID() });
      const folderOf = ({ providerLeaseId }: LeaseJson): string => join(root, providerLeaseId!.split('/').at(-1)!);
      const source = { kind: 'project_primary', localPath: '/srv/project' };
      const overlay = { provisionCommand: 'echo here > provisioned' };
      const realized = await post<{ workspaceRealization: { remote: { path: string } } }>(
        ...([lease.id, 'realize-workspace', { version: 1, source, runtimeOverlay: overlay }] as const),
      );
      const workspace = join(folderOf(lease), 'workspace');
      expect(realized.workspaceRealization.remote.path).toBe(workspace);
      expect(await readFile(join(workspace, 'provisioned'), 'utf8')).toBe('here\n');

      const command = { command: 'sh', args: ['-c', 'pwd; cat; echo no >&2; exit 3'], stdin: 'in\n' };
      expect(await post<ExecutionAnswer>(lease.id, 'execute', command)).toMatchObject({
        ...{ exitCode: 3, stdout: `${workspace}\nin\n`, stderr: 'no\n' },
      });

      await api.release(lease.id);
      // What the worker leaves for others is recorded once it has done so.
      while ((await api.lease(lease.id)).keptUntil === null) await new Promise((go) => setTimeout(go, 20));
      const { lease: next } = await api.acquire(companyId, { ...wish, heartbeatRunId: randomUUID() });
      expect(next).toMatchObject({ providerLeaseId: lease.providerLeaseId, reusedLeaseId: lease.id });
      expect(await readFile(join(workspace, 'provisioned'), 'utf8')).toBe('here\n');

      await api.release(next.id, { status: 'failed' });
      while ((await api.lease(next.id)).cleanupStatus !== 'success') await new Promise((go) => setTimeout(go, 20));
      expect(await readdir(root)).toEqual([]);
    },
  );

  test('leaves no worker when the service ends or is killed, and its key nowhere', async () => {
    const workers = async (): Promise<string[]> => {
      const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
      const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
      return lines.filter((line) => line.includes(join(folder, 'plugin')));
    };
    // Both at once, so that their Postgres stays.
    const another = await home.start({ LEASEHOLD_PLUGINS: join(folder, 'plugin') });
    expect(await workers()).toHaveLength(1);
    expect(await service.interrupt()).toBe(0);
    expect(await workers()).toEqual([]);
    expect(service.output).not.toContain(apiKey);

    const probe = { driver: 'sandbox', config: { provider: 'fake-plugin', root } };
    await another.api.expect(200, 'POST', `/api/companies/${companyId}/environments/probe-config`, probe);
    expect(await workers()).toHaveLength(1);
    await another.kill();
    // It finds its input closed.
    while ((await workers()).length > 0) await new Promise((go) => setTimeout(go, 20));
  });
});

describe('a plugin whose worker', () => {
  let service: Service;
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'leasehold-test-rogue-'));
    service = await serve({ LEASEHOLD_PLUGINS: ROGUE_PLUGIN, LEASEHOLD_CLEANUP_RETRY_MS: '[100, 100, 100]' });
  });
  afterAll(async () => {
    await service?.close();
    await rm(root, { recursive: true });
  });

  test('dies while it acquires and while it destroys has its lease provided and taken back all the same', async () => {
    const { api } = service;
    const companyId = randomUUID();
    const wrong = { environmentAcquireLease: 'die once', environmentDestroyLease: 'die once' };
    const config = { provider: 'rogue', root, wrong };
    const { id: environmentId } = await api.createEnvironment(companyId, { name: 'Rogue', driver: 'sandbox', config });
    const { lease } = await api.acquire(companyId, { environmentId });
    expect(lease).toMatchObject({ status: 'active', providerLeaseId: 'rogue-1' });
    await api.release(lease.id);
    while ((await api.lease(lease.id)).cleanupStatus !== 'success') await new Promise((go) => setTimeout(go, 20));
    const marks = await readdir(root);
    expect(marks.sort()).toEqual(['environmentAcquireLease.die', 'environmentDestroyLease.die']);
  });

  test('says a stored secret in its error has it in no lease', async () => {
    const { api } = service;
    const companyId = randomUUID();
    const apiKey = `rogue-key-${randomUUID()}`;
    useSecret('plugin key', apiKey);
    const config = { provider: 'rogue', root, apiKey, wrong: { environmentAcquireLease: 'leak' } };
    const { id: environmentId } = await api.createEnvironment(companyId, { name: 'Rogue', driver: 'sandbox', config });
    expect(await api.environment(environmentId)).toMatchObject({
      config: { apiKey: null, apiKeySecretRef: { type: 'secret_ref', version: 'latest' } },
    });
    const problem = await api.problem(502, 'POST', `/api/companies/${companyId}/leases`, { environmentId });
    // The worker had it: only what it was given is taken out.
    expect(problem.detail).toBe('environmentAcquireLease: 401 for [secret] ([secret], [secret])');
    await expectNoSecrets({ connection: service.connection });
  });
});
