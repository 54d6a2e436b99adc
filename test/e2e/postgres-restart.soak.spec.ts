import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { LeaseJson } from '../../src/domain/leases/lease-json.js';
import { Api, type Acquired } from '../support/api.js';
import { expectSoundLog, Witness } from '../support/fold-of-log.js';
import { startRedis } from '../support/redis.js';
import { ServiceHome } from '../support/service.js';
import { leasesOnHost } from '../support/ssh-host.js';
import { startSshd } from '../support/sshd.js';

const [ACQUIRES, CALLERS] = [200, 20];
const KILLED_AT = [ACQUIRES * 0.3, ACQUIRES * 0.7];
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe.each(['postgres', 'redis'])(`Postgres restarted twice in ${ACQUIRES} acquires, queue on %s`, (backend) => {
  test('every acknowledged one ends active, none is doubled; who asks meanwhile is told to come again', async () => {
    const [sshd, home] = await Promise.all([startSshd(), ServiceHome.make()]);
    const redis = backend === 'redis' ? await startRedis() : null;
    let witness: Witness | null = null;
    try {
      const settings = { LEASEHOLD_WORKER_LOCK_MS: '2000', ...(redis && { REDIS_URL: redis.url }) };
      const service = await home.start({ ...settings, LEASEHOLD_ROLE: 'api' });
      const worker = await home.spawn({ ...settings, LEASEHOLD_ROLE: 'worker' }).working();
      const api = new Api(service.url);
      const companyId = randomUUID();
      const { host, port, username, workspace, privateKey, knownHosts } = sshd;
      const config = { host, port, username, remoteWorkspacePath: workspace, privateKey, knownHosts };
      const { id: environmentId } = await api.createEnvironment(companyId, { name: 'Host', driver: 'ssh', config });

      const acknowledged = new Set<string>();
      const refusals = new Set<string>();
      /** The same command again until it is acknowledged. */
      const acquire = async (): Promise<void> => {
        const headers = { 'Idempotency-Key': randomUUID(), Prefer: 'wait=1' };
        const body = { environmentId, heartbeatRunId: randomUUID() };
        for (;;) {
          const answer = await api.send<Acquired & { code: string }>(
            'POST',
            `/api/companies/${companyId}/leases`,
            body,
            headers,
          );
          if (answer.status < 300) {
            acknowledged.add(answer.body.lease.id);
            return;
          }
          const again = answer.headers.get('retry-after');
          refusals.add(`${answer.status} ${answer.body.code} ${again === null ? 'for ever' : 'for now'}`);
          await pause(100);
        }
      };

      let next = 0;
      const caller = async (): Promise<void> => {
        while (next < ACQUIRES) {
          next += 1;
          // As when the machine loses power, as far as Postgres can tell; the services that joined it start it again.
          if (KILLED_AT.includes(next)) process.kill((await home.postmaster()) ?? 0, 'SIGQUIT');
          await acquire();
        }
      };
      await Promise.all(Array.from({ length: CALLERS }, caller));

      expect(acknowledged.size).toBe(ACQUIRES);
      for (const leaseId of acknowledged) {
        for (;;) {
          const { status, body } = await api.send<LeaseJson>('GET', `/api/environment-leases/${leaseId}`);
          expect([200, 503]).toContain(status);
          if (status === 200 && body.status === 'active') break;
          if (status === 200) expect(body).toMatchObject({ failureReason: null });
          await pause(50);
        }
      }
      expect((await leasesOnHost(workspace)).sort()).toEqual([...acknowledged].sort());
      // All that was refused was so for want of a database.
      expect([...refusals].filter((refusal) => refusal !== '503 database_unavailable for now')).toEqual([]);
      expect([service.alive, worker.alive]).toEqual([true, true]);
      witness = await Witness.of(await home.connection());
      const events = await witness.events();
      expectSoundLog(events);
      const count = (type: string): number => events.filter((event) => event.type === type).length;
      expect([count('LeaseRequested'), count('LeaseActivated')]).toEqual([ACQUIRES, ACQUIRES]);
    } finally {
      await witness?.close();
      await home.close();
      await redis?.stop();
      await sshd.stop();
    }
  });
});
