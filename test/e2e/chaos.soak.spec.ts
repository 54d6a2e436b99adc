import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { LeaseJson } from '../../src/domain/leases/lease-json.js';
import { Api, type Acquired } from '../support/api.js';
import { connectionUrl, createTestDatabase, type TestDatabase } from '../support/database.js';
import { expectSoundLog, Witness } from '../support/fold-of-log.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { ServiceHome, type ServiceProcess } from '../support/service.js';
import { leasesOnHost } from '../support/ssh-host.js';
import { startSshd, type TestSshd } from '../support/sshd.js';

const CALLERS = 20;
/** How many are acquired beside a Redis that goes away, and how many beside processes that do. */
const BESIDE_REDIS = 200;
const BESIDE_KILLS = 500;

describe('leases while things go down', () => {
  let database: TestDatabase;
  let redis: TestRedis;
  let sshd: TestSshd;
  let home: ServiceHome;
  let witness: Witness;
  let keys: string;
  let settings: Record<string, string>;

  beforeEach(async () => {
    [database, redis, sshd, home] = await Promise.all([
      createTestDatabase(),
      startRedis(),
      startSshd(),
      ServiceHome.make(),
    ]);
    keys = await mkdtemp(join(tmpdir(), 'leasehold-test-chaos-'));
    settings = {
      DATABASE_URL: connectionUrl(database.connection),
      REDIS_URL: redis.url,
      LEASEHOLD_DATA_DIR: keys,
      LEASEHOLD_WORKER_LOCK_MS: '2000',
    };
  });

  afterEach(async () => {
    await home.close();
    await witness?.close();
    await Promise.all([redis.stop(), sshd.stop(), database.drop(), rm(keys, { recursive: true, force: true })]);
  });

  async function start(role: 'all' | 'api' | 'worker'): Promise<ServiceProcess> {
    const process = home.spawn({ ...settings, LEASEHOLD_ROLE: role });
    return role === 'worker' ? process.working() : process.listening();
  }

  async function environment(url: string): Promise<{ environmentId: string; companyId: string }> {
    const companyId = randomUUID();
    const { host, port, username, workspace, privateKey, knownHosts } = sshd;
    const config = { host, port, username, remoteWorkspacePath: workspace, privateKey, knownHosts };
    const made = await new Api(url).createEnvironment(companyId, { name: 'Host', driver: 'ssh', config });
    return { environmentId: made.id, companyId };
  }

  /** The same command again until somebody answers. */
  async function persist<Body>(url: () => string, path: string, body: object): Promise<Body> {
    const headers = { 'Idempotency-Key': randomUUID(), Prefer: 'wait=2' };
    for (;;) {
      try {
        const answer = await new Api(url()).send<Body>('POST', path, body, headers);
        if (answer.status < 300) return answer.body;
        if (answer.status < 500) throw new Refused(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      } catch (error) {
        if (error instanceof Refused) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async function until(url: () => string, leaseId: string, reached: (lease: LeaseJson) => boolean): Promise<LeaseJson> {
    for (;;) {
      const lease = await new Api(url()).lease(leaseId).catch(() => null);
      if (lease && reached(lease)) return lease;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** So many times, by some callers at once. */
  async function times(count: number, work: (index: number) => Promise<void>): Promise<void> {
    let next = 0;
    const caller = async (): Promise<void> => {
      while (next < count) await work(next++);
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
  }

  test(`Redis emptied and restarted during ${BESIDE_REDIS} acquires: all end active`, async () => {
    const service = await start('all');
    const url = (): string => service.url;
    const { environmentId, companyId } = await environment(service.url);
    const leases: string[] = [];
    await times(BESIDE_REDIS, async (index) => {
      if (index === BESIDE_REDIS * 0.3 || index === BESIDE_REDIS * 0.5) await redis.flushAll();
      if (index === BESIDE_REDIS * 0.7) await redis.restart();
      const body = { environmentId, heartbeatRunId: randomUUID() };
      const { lease } = await persist<Acquired>(url, `/api/companies/${companyId}/leases`, body);
      leases.push(lease.id);
    });
    for (const id of leases) await until(url, id, ({ status }) => status === 'active');
    expect((await leasesOnHost(sshd.workspace)).sort()).toEqual([...leases].sort());
  });

  test(`three that serve and three that work, one of each killed every second, during ${BESIDE_KILLS} acquires and releases`, async () => {
    const roles = ['api', 'api', 'api', 'worker', 'worker', 'worker'] as const;
    const processes = await Promise.all(roles.map(start));
    const anyApi = (): string => {
      const up = processes.slice(0, 3).filter((process) => process.alive);
      const one = up[Math.floor(Math.random() * up.length)];
      if (!one) throw new Error('Nobody serves.');
      return one.url;
    };
    const { environmentId, companyId } = await environment(anyApi());
    let over = false;
    const killing = (async () => {
      let round = 0;
      for (; !over; round += 1) {
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        const killed = [round % 3, 3 + (round % 3)].map(async (place) => {
          await processes[place]?.kill();
          processes[place] = await start(roles[place] as 'api' | 'worker');
        });
        await Promise.all(killed);
      }
      return round;
    })();
    const leases: string[] = [];
    await times(BESIDE_KILLS, async () => {
      const body = { environmentId, heartbeatRunId: randomUUID() };
      const { lease } = await persist<Acquired>(anyApi, `/api/companies/${companyId}/leases`, body);
      leases.push(lease.id);
      await until(anyApi, lease.id, ({ status }) => status === 'active');
      await persist(anyApi, `/api/environment-leases/${lease.id}/release`, {});
      await until(anyApi, lease.id, ({ cleanupStatus }) => cleanupStatus === 'success');
    });
    over = true;
    expect(await killing).toBeGreaterThan(0);
    expect(new Set(leases).size).toBe(BESIDE_KILLS);
    expect(await leasesOnHost(sshd.workspace)).toEqual([]);
    witness = await Witness.of(database.connection);
    const events = await witness.events();
    expectSoundLog(events);
    const count = (type: string): number => events.filter((event) => event.type === type).length;
    expect([count('LeaseRequested'), count('LeaseActivated'), count('LeaseReleased')]).toEqual([
      BESIDE_KILLS,
      BESIDE_KILLS,
      BESIDE_KILLS,
    ]);
  });
});

class Refused extends Error {}
