import { randomUUID } from 'node:crypto';
import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import type { LeaseJson } from '../../../src/domain/leases/lease-json.js';
import type { Acquired } from '../../support/api.js';
import { FolderDriver } from '../../support/folder-driver.js';
import { startRedis, type TestRedis } from '../../support/redis.js';
import { serve, type Service } from '../../support/service.js';

const SETTINGS = { LEASEHOLD_KEPT_MAX: '3', LEASEHOLD_CLEANUP_RETRY_MS: '[20, 20]' };
const REUSED = { leasePolicy: 'reuse_by_environment' };
const FAILED = { status: 'failed' };

describe.each(['postgres', 'redis'])('sandboxes that outlive their leases, with the queue on %s', (backend) => {
  let root: string;
  let driver: FolderDriver;
  let service: Service;
  let redis: TestRedis | null = null;

  beforeAll(async () => {
    if (backend === 'redis') redis = await startRedis();
    root = await mkdtemp(join(tmpdir(), 'leasehold-test-reuse-'));
    driver = new FolderDriver(root);
    service = await serve({ ...SETTINGS, ...(redis && { REDIS_URL: redis.url }) }, [driver]);
  });
  afterAll(async () => {
    await service?.close();
    await redis?.stop();
    await rm(root, { recursive: true, force: true });
  });
  beforeEach(() => {
    driver.meanwhile = () => Promise.resolve();
  });

  class Tenant {
    readonly companyId = randomUUID();

    constructor(readonly environmentId: string) {}

    static async with(config: object = {}): Promise<Tenant> {
      const wish = { name: 'Folders', driver: 'sandbox', config: { provider: 'folder', image: 'a', ...config } };
      const tenant = new Tenant('');
      const { id } = await service.api.createEnvironment(tenant.companyId, wish);
      return Object.assign(tenant, { environmentId: id });
    }

    async acquire(wish: object = REUSED): Promise<LeaseJson> {
      const { environmentId } = this;
      return (await service.api.acquire(this.companyId, { environmentId, ...wish })).lease;
    }
  }

  const folderOf = (lease: LeaseJson): string => String(lease.metadata['folder']);
  const exists = (lease: LeaseJson): Promise<boolean> =>
    access(join(root, folderOf(lease))).then(
      () => true,
      () => false,
    );
  const release = async (lease: LeaseJson, wish: object = {}): Promise<LeaseJson> =>
    (await service.api.release(lease.id, wish)).lease;

  async function until(leaseId: string, reached: (lease: LeaseJson) => boolean): Promise<LeaseJson> {
    for (;;) {
      const lease = await service.api.lease(leaseId);
      if (reached(lease)) return lease;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  const untilTakenDown = (lease: LeaseJson): Promise<LeaseJson> =>
    until(lease.id, ({ cleanupStatus }) => cleanupStatus === 'success');

  test('an ephemeral lease leaves nothing, and takes nothing over', async () => {
    const tenant = await Tenant.with();
    const kept = await release(await tenant.acquire());
    const lease = await tenant.acquire({});
    expect(folderOf(lease)).not.toBe(folderOf(kept));
    expect(await release(lease)).toMatchObject({ cleanupStatus: 'success', keptUntil: null });
    expect(await exists(lease)).toBe(false);
  });

  test('what a lease leaves is the next one’s, workspace and all, and nobody’s besides', async () => {
    const tenant = await Tenant.with();
    const first = await tenant.acquire();
    await writeFile(join(root, folderOf(first), 'work'), 'half done');
    const left = await release(first);
    expect(left).toMatchObject({ status: 'released', cleanupStatus: null });
    expect(Date.parse(left.keptUntil ?? '')).toBeGreaterThan(Date.now());
    const second = await tenant.acquire();
    expect(second).toMatchObject({
      status: 'active',
      providerLeaseId: first.providerLeaseId,
      reusedLeaseId: first.id,
      reuseRejected: [],
    });
    expect(await readFile(join(root, folderOf(second), 'work'), 'utf8')).toBe('half done');
    expect(await service.api.lease(first.id)).toMatchObject({ keptUntil: null, cleanupStatus: null });
    const third = await tenant.acquire();
    expect(third).toMatchObject({ reusedLeaseId: null });
    expect(folderOf(third)).not.toBe(folderOf(second));
    // Whoever got it last is the one who leaves it.
    await release(second);
    expect((await tenant.acquire()).reusedLeaseId).toBe(second.id);
  });

  test.each(['failed', 'expired'])('what a lease that ends as %s held is not given to others', async (status) => {
    const tenant = await Tenant.with();
    const lease = await tenant.acquire();
    expect(await release(lease, { status })).toMatchObject({ status, cleanupStatus: 'success', keptUntil: null });
    expect(await exists(lease)).toBe(false);
  });

  test('another agent, adapter, workspace, environment or company gets one of its own', async () => {
    const tenant = await Tenant.with();
    const [agentId, executionWorkspaceId] = [randomUUID(), randomUUID()];
    const wish = { leasePolicy: 'reuse_by_execution_workspace', agentId, adapterType: 'cursor', executionWorkspaceId };
    const left = await release(await tenant.acquire(wish));
    const others = [
      { ...wish, agentId: randomUUID() },
      { ...wish, adapterType: 'codex_local' },
      { ...wish, executionWorkspaceId: randomUUID() },
      { ...wish, leasePolicy: 'reuse_by_environment' },
    ];
    for (const other of others) expect((await tenant.acquire(other)).reusedLeaseId).toBeNull();
    expect((await (await Tenant.with()).acquire(wish)).reusedLeaseId).toBeNull();
    expect((await tenant.acquire(wish)).reusedLeaseId).toBe(left.id);
  });

  test('without an execution workspace there is nobody to share by workspace with', async () => {
    const tenant = await Tenant.with();
    const lease = await tenant.acquire({ leasePolicy: 'reuse_by_execution_workspace' });
    expect(await release(lease)).toMatchObject({ cleanupStatus: 'success', keptUntil: null });
  });

  test('a changed config makes a fresh sandbox: the lease says what is not the same, and the old one is taken down', async () => {
    const tenant = await Tenant.with();
    const old = await release(await tenant.acquire());
    await service.api.patchEnvironment(tenant.environmentId, { config: { image: 'b', network: true } });
    const lease = await tenant.acquire();
    expect(lease).toMatchObject({
      reusedLeaseId: null,
      reuseRejected: [
        { leaseId: old.id, reasonCode: 'fingerprint_changed', fields: ['config.image', 'config.network'] },
      ],
    });
    expect(folderOf(lease)).not.toBe(folderOf(old));
    await untilTakenDown(old);
    expect(await exists(old)).toBe(false);
    // A new name is no reason.
    const left = await release(lease);
    await service.api.patchEnvironment(tenant.environmentId, { name: 'Other' });
    expect((await tenant.acquire()).reusedLeaseId).toBe(left.id);
  });

  test('a rotated secret makes a fresh sandbox', async () => {
    const tenant = await Tenant.with();
    const path = `/api/companies/${tenant.companyId}/secrets`;
    const secret = await service.api.expect<{ id: string }>(201, 'POST', path, { name: 'token', value: 'one' });
    const tokenSecretRef = { type: 'secret_ref', secretId: secret.id, version: 'latest' };
    await service.api.patchEnvironment(tenant.environmentId, { config: { tokenSecretRef } });
    const first = await release(await tenant.acquire());
    const second = await release(await tenant.acquire());
    expect(second.reusedLeaseId).toBe(first.id);
    await service.api.expect(200, 'POST', `${path}/${secret.id}/rotate`, { value: 'two' });
    expect(await tenant.acquire()).toMatchObject({
      reusedLeaseId: null,
      reuseRejected: [{ leaseId: second.id, reasonCode: 'fingerprint_changed', fields: ['config.tokenSecretRef'] }],
    });
  });

  test('a sandbox that fails its check is replaced, and its end is recorded', async () => {
    const tenant = await Tenant.with();
    const broken = await release(await tenant.acquire());
    await rm(join(root, folderOf(broken), 'holder'));
    const lease = await tenant.acquire();
    expect(lease).toMatchObject({
      status: 'active',
      reusedLeaseId: null,
      reuseRejected: [{ leaseId: broken.id, reasonCode: 'resume_check_failed', fields: [] }],
    });
    expect(folderOf(lease)).not.toBe(folderOf(broken));
    await untilTakenDown(broken);
    expect(await exists(broken)).toBe(false);
  });

  test('a release that comes before the takeover takes down what was to be taken over', async () => {
    const tenant = await Tenant.with();
    const left = await release(await tenant.acquire());
    let reached = (): void => undefined;
    const resuming = new Promise<void>((resolve) => (reached = resolve));
    driver.meanwhile = (call, _leaseId, signal) => {
      if (call !== 'resume') return Promise.resolve();
      reached();
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    };
    const { environmentId, companyId } = tenant;
    const path = `/api/companies/${companyId}/leases`;
    const { body } = await service.api.send<Acquired>('POST', path, { environmentId, ...REUSED }, { Prefer: 'wait=0' });
    expect(body.lease.reusedLeaseId).toBe(left.id);
    await resuming;
    await release(body.lease);
    await untilTakenDown(body.lease);
    expect(await exists(left)).toBe(false);
  });

  test('no more wait for others than are allowed to', async () => {
    const tenant = await Tenant.with();
    const leases = await Promise.all(Array.from({ length: 5 }, () => tenant.acquire()));
    for (const lease of leases) await release(lease);
    const present = await Promise.all(leases.map(exists));
    expect(present).toEqual([true, true, true, false, false]);
  });

  test('an environment that is deleted takes with it what its leases have left', async () => {
    const tenant = await Tenant.with();
    const left = await release(await tenant.acquire());
    const retained = await release(await tenant.acquire({ leasePolicy: 'retain_on_failure' }), FAILED);
    await service.api.deleteEnvironment(tenant.environmentId);
    for (const lease of [left, retained]) expect(await exists(lease)).toBe(false);
    const environments = await service.api.environments(tenant.companyId);
    expect(environments).toEqual([]);
  });

  describe('of leases that failed', () => {
    const RETAINED = { leasePolicy: 'retain_on_failure' };

    test('are retained as they are, until one who looks into it is done', async () => {
      const tenant = await Tenant.with();
      const first = await tenant.acquire(RETAINED);
      const failed = await release(first, { ...FAILED, failureReason: 'exit code 137' });
      expect(failed).toMatchObject({ status: 'retained', releasedAt: null, cleanupStatus: null });
      expect(Date.parse(failed.keptUntil ?? '')).toBeGreaterThan(Date.now() + 80_000_000);
      expect(await exists(first)).toBe(true);
      const path = `/api/environment-leases/${first.id}`;
      const { lease } = await service.api.expect<Acquired>(201, 'POST', `${path}/resume`, { ttlSeconds: 60 });
      expect(lease).toMatchObject({
        status: 'active',
        reusedLeaseId: first.id,
        providerLeaseId: first.providerLeaseId,
      });
      // It has one holder now.
      const problem = { status: 409, body: { code: 'nothing_kept', leaseId: first.id } };
      expect(await service.api.send('POST', `${path}/resume`, {})).toMatchObject(problem);
      expect(await service.api.send('POST', `${path}/destroy`)).toMatchObject(problem);
      expect(await release(lease)).toMatchObject({ status: 'released', cleanupStatus: 'success' });
      expect(await exists(first)).toBe(false);
    });

    test('are destroyed when somebody says so', async () => {
      const tenant = await Tenant.with();
      const failed = await release(await tenant.acquire(RETAINED), FAILED);
      await service.api.expect(200, 'POST', `/api/environment-leases/${failed.id}/destroy`);
      expect(await untilTakenDown(failed)).toMatchObject({ status: 'retained', keptUntil: null });
      expect(await exists(failed)).toBe(false);
    });

    test('make room for newer ones of their environment', async () => {
      const tenant = await Tenant.with();
      const failed: LeaseJson[] = [];
      for (let turn = 0; turn < 4; turn += 1) failed.push(await release(await tenant.acquire(RETAINED), FAILED));
      const [oldest, ...newer] = failed;
      if (!oldest) throw new Error('None was retained.');
      await untilTakenDown(oldest);
      expect(await exists(oldest)).toBe(false);
      for (const lease of newer) expect(await exists(lease)).toBe(true);
    });
  });

  test('the fake sandbox is reused and retained like any other', async () => {
    const companyId = randomUUID();
    const { id: environmentId } = await service.api.createSandbox(companyId);
    const wish = { environmentId, ...REUSED };
    const { lease: first } = await service.api.acquire(companyId, wish);
    await service.api.release(first.id);
    const { lease: second } = await service.api.acquire(companyId, wish);
    expect(second).toMatchObject({ reusedLeaseId: first.id, providerLeaseId: first.providerLeaseId });
    await service.api.patchEnvironment(environmentId, { config: { image: 'debian:13' } });
    await service.api.release(second.id);
    const { lease: third } = await service.api.acquire(companyId, wish);
    expect(third.reuseRejected).toEqual([
      { leaseId: second.id, reasonCode: 'fingerprint_changed', fields: ['config.image'] },
    ]);
    expect((await service.api.lease(second.id)).cleanupStatus).toBe('success');
  });

  test('100 who want the same sandbox at once: it never has two holders, at any position of the log', async () => {
    const tenant = await Tenant.with();
    await release(await tenant.acquire());
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        await release(await tenant.acquire());
      }),
    );
    const client = new pg.Client(service.connection);
    await client.connect();
    const { rows } = await client.query<{ type: string; stream: string; folder: string | null }>(
      `SELECT type, stream, data->'metadata'->>'folder' AS folder FROM events WHERE company_id = $1 ORDER BY position`,
      [tenant.companyId],
    );
    await client.end();
    const holder = new Map<string, string>();
    const held = new Map<string, string>();
    let reused = 0;
    for (const { type, stream, folder } of rows) {
      if (type === 'SandboxTakenOver') reused += 1;
      if (type === 'LeaseActivated' && folder !== null) {
        expect([stream, holder.get(folder)]).toEqual([stream, undefined]);
        holder.set(folder, stream);
        held.set(stream, folder);
      }
      if (type === 'LeaseReleased') holder.delete(held.get(stream) ?? '');
    }
    expect(held.size).toBe(101);
    expect(reused).toBeGreaterThan(0);
    expect(holder.size).toBe(0);
  });
});

describe('sandboxes that are kept for a time', () => {
  test('are taken down when it is over', async () => {
    const root = await mkdtemp(join(tmpdir(), 'leasehold-test-reuse-'));
    const settings = { LEASEHOLD_REUSABLE_SECONDS: '1', LEASEHOLD_RETAINED_SECONDS: '1' };
    const service = await serve(settings, [new FolderDriver(root)]);
    try {
      const companyId = randomUUID();
      const wish = { name: 'Folders', driver: 'sandbox', config: { provider: 'folder' } };
      const { id: environmentId } = await service.api.createEnvironment(companyId, wish);
      const ids = await Promise.all(
        (['reuse_by_environment', 'retain_on_failure'] as const).map(async (leasePolicy) => {
          const { lease } = await service.api.acquire(companyId, { environmentId, leasePolicy });
          const status = leasePolicy === 'retain_on_failure' ? 'failed' : 'released';
          const { lease: ended } = await service.api.release(lease.id, { status });
          expect(ended.keptUntil).not.toBeNull();
          return lease.id;
        }),
      );
      for (const id of ids) {
        while ((await service.api.lease(id)).cleanupStatus !== 'success') {
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
      expect(await readdir(root)).toEqual(['made']);
    } finally {
      await service.close();
      await rm(root, { recursive: true, force: true });
    }
  });
});
