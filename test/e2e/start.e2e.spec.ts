import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { readConfig } from '../../src/platform/config/config.js';
import { eventually, isRunning } from '../platform/embedded/support.js';
import { connectionUrl, createEmptyDatabase } from '../support/database.js';
import { Witness } from '../support/fold-of-log.js';
import { ServiceHome } from '../support/service.js';

/** Its file goes a moment before the process. */
const stopped = (postmaster: number | null): Promise<void> =>
  eventually(async () => expect(isRunning(postmaster ?? 0)).toBe(false), 5_000);

describe('starting and stopping the service', () => {
  let home: ServiceHome;
  beforeAll(async () => {
    home = await ServiceHome.make();
  });
  afterEach(() => home.endAll(), 60_000);
  afterAll(() => home?.close());

  test('two at once make the database in an empty folder; it lasts until Ctrl-C or SIGTERM has ended the last one, and is there again', async () => {
    const empty = await ServiceHome.empty();
    try {
      const [first, second] = await Promise.all([empty.start(), empty.start()]);
      expect(await first.api.expect(200, 'GET', '/api/ready')).toMatchObject({ ready: true });
      const { lease, position } = await first.api.acquire(randomUUID(), { heartbeatRunId: randomUUID() });
      expect(await second.api.lease(lease.id, { 'X-Min-Position': String(position) })).toStrictEqual(lease);

      const PORT = new URL(first.url).port;
      const third = empty.spawn({ PORT });
      expect(await third.exited()).toBe(1);
      expect(third.output).toContain('joined the running embedded Postgres');
      expect(third.output).toContain(`Port ${PORT} on 127.0.0.1 is taken`);
      expect(third.output).not.toMatch(/\n\s+at /);
      await first.api.acquire(randomUUID());
      expect(await first.api.expect(200, 'GET', '/api/ready')).toMatchObject({ ready: true });

      const postmaster = await empty.postmaster();
      expect(await first.interrupt()).toBe(0);
      expect(await empty.postmaster()).toBe(postmaster);
      expect(postmaster !== null && isRunning(postmaster)).toBe(true);
      const { lease: released } = await second.api.release(lease.id);
      expect(released.status).toBe('released');
      expect(await second.interrupt()).toBe(0);
      expect(await empty.postmaster()).toBeNull();
      await stopped(postmaster);

      const next = await empty.start();
      expect(await next.api.lease(lease.id)).toStrictEqual(released);
      const itsPostmaster = await empty.postmaster();
      const underWay = Promise.allSettled(Array.from({ length: 20 }, () => next.api.acquire(randomUUID())));
      process.kill(next.pid, 'SIGTERM');
      expect(await next.exited()).toBe(0);
      await underWay;
      expect(await empty.postmaster()).toBeNull();
      await stopped(itsPostmaster);
    } finally {
      await empty.close();
    }
  });

  test('a port that something else has is told of too, and the Postgres that was started for it is stopped', async () => {
    const other = createServer();
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    try {
      const { port } = other.address() as AddressInfo;
      const service = home.spawn({ PORT: String(port) });
      expect(await service.exited()).toBe(1);
      expect(service.output).toContain(`Port ${port} on 127.0.0.1 is taken`);
      expect(await home.postmaster()).toBeNull();
    } finally {
      await new Promise((done) => other.close(done));
    }
  });

  test('DATABASE_URL is used when it is set, and nothing is made in the data folder', async () => {
    const database = await createEmptyDatabase();
    const witness = await Witness.of(database.connection);
    try {
      const service = await home.start({ DATABASE_URL: connectionUrl(database.connection) });
      const { lease, position } = await service.api.acquire(randomUUID());
      expect(await witness.head()).toBe(position);
      expect(await service.api.lease(lease.id)).toStrictEqual(lease);
      expect(service.output).not.toContain(database.connection.password);
      expect(await home.postmaster()).toBeNull();
      expect(await service.interrupt()).toBe(0);
    } finally {
      await witness.close();
      await home.endAll();
      await database.drop();
    }
  });

  test('a bad PORT is told of, and nothing is started', async () => {
    const service = home.spawn({ PORT: '65536' });
    expect(await service.exited()).toBe(1);
    expect(service.output).toContain('Leasehold does not start.');
    expect(service.output).toContain('PORT is "65536": it must be a number from 0 (any free port) to 65535.');
    expect(service.output).not.toMatch(/\n\s+at /);
    expect(await home.postmaster()).toBeNull();
  });

  test('a DATABASE_URL that nobody answers at is told of without its password, and it exits', async () => {
    const service = home.spawn({ DATABASE_URL: 'postgresql://nobody:secret@127.0.0.1:1/none' });
    expect(await service.exited()).toBe(1);
    expect(service.output).toContain('127.0.0.1:1');
    expect(service.output).not.toContain('secret');
  });
});

describe('what keeps the service from starting is told of in words, without a stack', () => {
  const folder = mkdtempSync(join(tmpdir(), 'leasehold-test-start-'));
  beforeAll(async () => {
    await writeFile(join(folder, 'file'), '');
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.each<[string, () => Readonly<Record<string, string>>, string]>([
    ['a data folder that is a file', () => ({ LEASEHOLD_DATA_DIR: join(folder, 'file') }), 'is not a folder'],
    ['one below a file', () => ({ LEASEHOLD_DATA_DIR: join(folder, 'file', 'below') }), 'is not a folder'],
    ['an unknown plugin', () => ({ LEASEHOLD_PLUGINS: 'nosuch' }), 'LEASEHOLD_PLUGINS: "nosuch"'],
    ['an address that is not of this machine', () => ({ HOST: '192.0.2.1' }), '192.0.2.1'],
    ['a URL that cannot be read', () => ({ DATABASE_URL: 'postgres://app:a/b@db/lh' }), 'DATABASE_URL cannot be read'],
    ['a socket that is not there', () => ({ DATABASE_URL: `postgres://app@/lh?host=${folder}` }), folder],
  ])('%s', async (_, settings, told) => {
    const home = await ServiceHome.make();
    try {
      const service = home.spawn(settings());
      expect(await service.exited()).toBe(1);
      expect(service.output).toContain('Leasehold does not start.');
      expect(service.output).toContain(told);
      expect(service.output).not.toMatch(/\n\s+at |ERROR/);
    } finally {
      await home.close();
    }
  });
});

describe('settings', () => {
  test.each([
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '0x50'],
    ['PORT', 'http'],
    ['DATABASE_URL', 'mysql://localhost/x'],
    ['LEASEHOLD_DATABASE_TIMEOUT_MS', '10s'],
    ['LEASEHOLD_DATABASE_CONNECTIONS', '21'],
    ['REDIS_URL', 'http://localhost'],
    ['LEASEHOLD_ROLE', 'worker,api'],
    ['LEASEHOLD_SECRETS_KEY', 'secret'],
    ['LEASEHOLD_SECRETS_KEY_PREVIOUS', 'secret'],
    ['LEASEHOLD_LOCAL_EXECUTE', 'yes'],
    ['LEASEHOLD_WORKSPACE_ROOTS', '/srv'],
    ['LEASEHOLD_WORKSPACE_ROOTS', '["srv"]'],
    ['LEASEHOLD_RUNTIME_API_CANDIDATES', '["ftp://x"]'],
    ['LEASEHOLD_ALLOWED_ORIGINS', '["https://x.example/"]'],
    ['LEASEHOLD_ALLOWED_HOSTS', '["x.example:80"]'],
    ['LEASEHOLD_READINESS_BUDGET_MS', '1.5'],
    ['LEASEHOLD_CLEANUP_RETRY_MS', '1000'],
    ['LEASEHOLD_WORKER_CONCURRENCY', '0'],
    ['LEASEHOLD_WEBHOOK_PRIVATE_ADDRESSES', '1'],
    ['LEASEHOLD_WEBHOOK_RETRY_MS', '["1s"]'],
    ['LEASEHOLD_WEBHOOK_PAUSE_AFTER', '0'],
    ['LEASEHOLD_WEBHOOK_TIMEOUT_MS', '10s'],
  ])('%s=%s is refused by name', (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(new RegExp(`^${name} `));
  });

  test('what is unset or empty has its default', () => {
    const defaults = {
      host: '127.0.0.1',
      port: 3000,
      dataDir: resolve('.leasehold'),
      databaseUrl: null,
      pluginSettlingMs: 300_000,
      sandboxMost: { memoryMb: 1_048_576, diskMb: 1_048_576, processes: 32_768 },
      orphanMs: 3_600_000,
      databaseTimeoutMs: 10_000,
      databaseConnections: 34,
      redisUrl: null,
      role: 'all',
      secretsKey: null,
      secretsKeyPrevious: null,
      auditKey: null,
      sealsFile: null,
      sealEveryMs: 2_000,
      localExecute: false,
      plugins: [],
      workspaceRoots: [],
      runtimeApiCandidates: [],
      allowedOrigins: [],
      allowedHosts: [],
      maxConnections: 5_000,
      budgets: { readinessMs: 120_000, executionMs: 3_600_000, transportMs: 15_000 },
      retryDelays: {
        provisioning: [500, 2_000, 5_000, 10_000, 20_000],
        cleanup: [1_000, 5_000, 15_000, 60_000, 300_000, 900_000],
      },
      workerLockMs: 10_000,
      workerConcurrency: 64,
      queuePrefix: 'leasehold',
      keeping: { reusableSeconds: 3_600, retainedSeconds: 86_400, max: 5 },
      webhooks: {
        privateAddresses: false,
        retryMs: [1_000, 5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000],
        pauseAfter: 20,
        timeoutMs: 10_000,
      },
      syncLimitBytes: 10 * 1024 ** 3,
      shutdownMs: 30_000,
      sshAddresses: null,
    };
    expect(readConfig({})).toEqual(defaults);
    expect(readConfig({ HOST: '', PORT: ' ', LEASEHOLD_DATA_DIR: '', DATABASE_URL: '' })).toEqual(defaults);
  });
});
