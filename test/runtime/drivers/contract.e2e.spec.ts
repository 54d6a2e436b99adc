import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Settings } from '../../../src/platform/config/config.js';
import type { Environment } from '../../../src/domain/environments/state.js';
import type { Acquired } from '../../support/api.js';
import { startRedis, type TestRedis } from '../../support/redis.js';
import { IS_SOAK } from '../../support/soak.js';
import { startUnusual, UNUSUAL_HOSTS } from '../../support/ssh-hosts.js';
import { startSshd, type TestSshd } from '../../support/sshd.js';
import { serve, type Service } from '../../support/service.js';
import { FAKE_PLUGIN_CASES, wishedCase } from './plugin/plugin-cases.js';
import { SandboxesUnderTest } from './bubblewrap/sandbox-under-test.js';
import { expectNoneActive, expectWholeEnvironment, expectWholeLease, type DriverCase } from './contract.js';

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

const DRIVERS: readonly DriverCase[] = [
  {
    name: 'local',
    driver: 'local',
    config: { note: 'anything' },
    otherConfig: { note: 'something else' },
    cleanupStatus: null,
    expectLease(lease) {
      expect(lease).toMatchObject({ provider: null, providerLeaseId: null });
      expect(lease.metadata).toEqual({ driver: 'local', executionWorkspaceMode: null });
    },
  },
  {
    name: 'fake sandbox',
    driver: 'sandbox',
    config: { provider: 'fake', image: 'debian:12', reuseLease: false },
    otherConfig: { image: 'alpine:3', reuseLease: true },
    cleanupStatus: 'success',
    expectLease(lease) {
      expect(lease.provider).toBe('fake');
      expect(lease.providerLeaseId).toMatch(new RegExp(`^sandbox://fake/${lease.heartbeatRunId ?? ''}/${UUID}$`));
      expect(lease.metadata).toMatchObject({ provider: 'fake', image: 'debian:12', reuseLease: false });
    },
  },
  {
    name: 'fake sandbox that is reused',
    driver: 'sandbox',
    config: { provider: 'fake', reuseLease: true },
    otherConfig: { image: 'alpine:3', reuseLease: false },
    cleanupStatus: null,
    expectLease(lease, environment) {
      expect(lease.provider).toBe('fake');
      expect(lease.providerLeaseId).toBe(`sandbox://fake/${environment.id}`);
      expect(lease.metadata).toMatchObject({ provider: 'fake', image: 'ubuntu:24.04', reuseLease: true });
    },
  },
  {
    name: 'bubblewrap sandbox',
    driver: 'sandbox',
    isQueued: true,
    async setUp() {
      const sandboxes = await SandboxesUnderTest.start();
      const settings = { LEASEHOLD_DATA_DIR: sandboxes.dataDir };
      return {
        config: { provider: 'bubblewrap', memoryMb: 512 },
        settings,
        stop: () => sandboxes.stop({ leasesAreLive: true }),
      };
    },
    config: {},
    otherConfig: { memoryMb: 256, processes: 99 },
    cleanupStatus: 'success',
    expectLease(lease, environment) {
      expect(lease.provider).toBe('bubblewrap');
      expect(lease.providerLeaseId).toMatch(new RegExp(`^sandbox://bubblewrap/${UUID}$`));
      expect(lease.metadata).toEqual({
        ...environment.config,
        ...{ driver: 'sandbox', executionWorkspaceMode: null, image: null, remoteCwd: '/workspace' },
      });
    },
  },
  sshHost('SSH host', () => startSshd()),
  ...(IS_SOAK ? UNUSUAL_HOSTS : []).map((host) => sshHost(`SSH host with ${host.name}`, () => startUnusual(host))),
  ...FAKE_PLUGIN_CASES,
];

function sshHost(name: string, start: () => Promise<TestSshd>): DriverCase {
  return {
    name,
    driver: 'ssh',
    isQueued: true,
    async setUp() {
      const sshd = await start();
      const { host, port, username, workspace: remoteWorkspacePath, knownHosts, privateKey } = sshd;
      const config = { host, port, username, remoteWorkspacePath, knownHosts, privateKey };
      return { config, stop: () => sshd.stop() };
    },
    config: {},
    otherConfig: { host: '127.0.0.2', port: 1, strictHostKeyChecking: false },
    cleanupStatus: 'success',
    expectLease(lease, environment) {
      const { host, port, username, remoteWorkspacePath } = environment.config;
      expect(lease.provider).toBeNull();
      expect(lease.providerLeaseId).toBe(
        `ssh://${String(username)}@${String(host)}:${String(port)}${String(remoteWorkspacePath)}`,
      );
      const remoteCwd = remoteWorkspacePath;
      expect(lease.metadata).toMatchObject({
        host,
        port,
        username,
        remoteWorkspacePath,
        remoteCwd,
        runtimeApiUrl: null,
      });
      expect(environment.config).toMatchObject({ privateKey: null, privateKeySecretRef: { type: 'secret_ref' } });
    },
  };
}

/** One plugin alone, where the suite is run for it: `npm run contract`. */
const WISHED = wishedCase(process.env['CONTRACT_PLUGIN']);

const CASES = WISHED ? [WISHED] : DRIVERS;
const QUEUES = (['postgres', 'redis'] as const).map((queue) => ({
  queue,
  // Only what is queued meets the queue.
  drivers: CASES.filter(({ isQueued }) => isQueued || queue === 'postgres'),
}));

type Host = Awaited<ReturnType<NonNullable<DriverCase['setUp']>>>;
const hosts = new Map<DriverCase, Host>();
beforeAll(async () => {
  for (const driver of CASES) if (driver.setUp) hosts.set(driver, await driver.setUp());
});
afterAll(async () => {
  for (const host of hosts.values()) await host.stop();
});

describe.each(QUEUES)('the driver contract, with the queue on $queue', ({ queue, drivers }) => {
  let service: Service;
  const all: { readonly companyId: string; readonly runId: string }[] = [];
  let redis: TestRedis | null = null;
  beforeAll(async () => {
    if (queue === 'redis') redis = await startRedis();
    const settings = Object.assign({}, ...[...hosts.values()].map((host) => host.settings)) as Settings;
    service = await serve({ ...settings, ...(redis && { REDIS_URL: redis.url }) });
  });
  afterAll(async () => {
    // What is somebody else's is not left to them.
    for (const { companyId, runId } of all) await service.api.releaseRun(companyId, runId);
    await service?.close();
    await redis?.stop();
  });

  describe.each(drivers)('$name', (driver) => {
    interface Held extends Acquired {
      readonly companyId: string;
      readonly runId: string;
      readonly made: Environment;
    }

    async function acquire(wish: object = {}): Promise<Held> {
      const [companyId, runId] = [randomUUID(), randomUUID()];
      const { name } = driver;
      const config = hosts.get(driver)?.config ?? driver.config;
      const made = await service.api.createEnvironment(companyId, { name, driver: driver.driver, config });
      const acquired = await service.api.acquire(companyId, { environmentId: made.id, heartbeatRunId: runId, ...wish });
      all.push({ companyId, runId });
      return { ...acquired, companyId, runId, made };
    }

    test('acquiring gives an active lease of the environment, for the run that asked', async () => {
      const { environment, lease, leaseContext, position, companyId, runId, made } = await acquire();
      expect(environment).toEqual(made);
      expectWholeEnvironment(environment);
      expectWholeLease(lease);
      expect(lease).toMatchObject({
        companyId,
        environmentId: made.id,
        heartbeatRunId: runId,
        issueId: null,
        agentId: null,
        executionWorkspaceId: null,
        status: 'active',
        leasePolicy: 'ephemeral',
        expiresAt: null,
        releasedAt: null,
        failureReason: null,
        reasonCode: null,
        cleanupStatus: null,
        acquiredAt: lease.updatedAt,
        lastUsedAt: lease.updatedAt,
        position,
      });
      expect(leaseContext).toStrictEqual({ executionWorkspaceId: null, executionWorkspaceMode: null });
      expect(lease.metadata).toMatchObject({ driver: driver.driver, executionWorkspaceMode: null });
      driver.expectLease(lease, made);
    });

    test('a lease has the ids and the context that were asked for, and a get answers what the command did', async () => {
      const wish = {
        issueId: randomUUID(),
        agentId: randomUUID(),
        executionWorkspaceId: randomUUID(),
        executionWorkspaceMode: 'isolated_workspace',
        leasePolicy: 'reuse_by_execution_workspace',
        ttlSeconds: 600,
        metadata: { ticket: 'A-1' },
      };
      const { lease, leaseContext } = await acquire(wish);
      const { executionWorkspaceId, executionWorkspaceMode, issueId, agentId, leasePolicy } = wish;
      expect(leaseContext).toStrictEqual({ executionWorkspaceId, executionWorkspaceMode });
      expect(lease).toMatchObject({ executionWorkspaceId, issueId, agentId, leasePolicy });
      expect(lease.metadata).toMatchObject({ ticket: 'A-1', driver: driver.driver, executionWorkspaceMode });
      expect(Date.parse(lease.expiresAt ?? '') - Date.parse(lease.acquiredAt ?? '')).toBeGreaterThan(599_000);
      expectWholeLease(lease);
      expect(await service.api.lease(lease.id)).toStrictEqual(lease);
    });

    test('a command has the id and the fence of its lease, whatever its caller says; a provision command too', async () => {
      const { lease } = await acquire();
      const path = `/api/environment-leases/${lease.id}`;
      const script = 'printf "%s %s" "$LEASEHOLD_LEASE_ID" "$LEASEHOLD_FENCE"';
      const env = { LEASEHOLD_LEASE_ID: 'another', LEASEHOLD_FENCE: '1', OTHER: 'the caller’s' };
      const sh = (text: string) => ({ command: 'sh', args: ['-c', text], env });
      if (!driver.isQueued) {
        const problem = await service.api.problem(422, 'POST', `${path}/execute`, sh(script));
        expect(problem.code).toBe('unsupported_operation');
        return;
      }
      const run = (text: string) =>
        service.api.expect<{ stdout: string }>(200, 'POST', `${path}/execute`, sh(text)).then(({ stdout }) => stdout);
      const own = `${lease.id} ${lease.fence}`;
      expect(await run(`${script}; printf " %s" "$OTHER"`)).toBe(`${own} the caller’s`);
      const runtimeOverlay = { provisionCommand: `${script} > of-the-provision-command` };
      const body = { version: 1, source: { kind: 'project_primary' }, runtimeOverlay };
      await service.api.expect(200, 'POST', `${path}/realize-workspace`, body);
      expect(await run('cat of-the-provision-command')).toBe(own);
    });

    test('releasing the run ends its one lease; none is active then, and again there is nothing to release', async () => {
      const { api } = service;
      const { lease, companyId, runId, made } = await acquire();
      expect((await api.leases(companyId, '?status=active')).items).toStrictEqual([lease]);

      const { released, errors, position } = await api.releaseRun(companyId, runId);
      expect(errors).toEqual([]);
      expect(released).toHaveLength(1);
      const [{ environment, lease: ended }] = released as [Acquired];
      expect(environment).toEqual(made);
      expectWholeLease(ended);
      expect(ended).toEqual({
        ...lease,
        status: 'released',
        reasonCode: 'released_by_caller',
        cleanupStatus: driver.cleanupStatus,
        releasedAt: ended.updatedAt,
        updatedAt: ended.updatedAt,
        version: ended.version,
        position,
      });
      expect(await api.lease(lease.id)).toStrictEqual(ended);
      await expectNoneActive(api, companyId);

      expect(await api.releaseRun(companyId, runId)).toMatchObject({ released: [], errors: [] });
      expect(await api.lease(lease.id)).toStrictEqual(ended);
    });

    test('releasing uses what was stored, whatever the config of the environment is by then', async () => {
      const { api } = service;
      const { lease, companyId, runId, made } = await acquire();
      const changed = await api.patchEnvironment(made.id, { config: driver.otherConfig });
      expect(changed.config).toMatchObject(driver.otherConfig);
      const { released } = await api.releaseRun(companyId, runId);
      expect(released[0]?.lease).toMatchObject({
        id: lease.id,
        status: 'released',
        cleanupStatus: driver.cleanupStatus,
        providerLeaseId: lease.providerLeaseId,
        metadata: lease.metadata,
      });
      expect(released[0]?.environment).toEqual(changed);
      await expectNoneActive(api, companyId);
    });

    test('releasing uses the driver of the lease, whatever that of the environment is by then', async () => {
      const { api } = service;
      const { lease, companyId, runId, made } = await acquire();
      const patch =
        driver.driver === 'local'
          ? { driver: 'sandbox', config: { provider: 'fake' } }
          : { driver: 'local', config: {} };
      await api.patchEnvironment(made.id, { ...patch, status: 'archived' });
      const { released } = await api.releaseRun(companyId, runId);
      expect(released[0]?.lease).toMatchObject({
        id: lease.id,
        status: 'released',
        provider: lease.provider,
        cleanupStatus: driver.cleanupStatus,
        metadata: lease.metadata,
      });
      await expectNoneActive(api, companyId);
    });
  });
});
