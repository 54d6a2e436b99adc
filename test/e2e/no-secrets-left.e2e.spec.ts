import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startRedis, type TestRedis } from '../support/redis.js';
import { connectionUrl, createTestDatabase } from '../support/database.js';
import { scanForSecrets } from '../support/scan-for-secrets.js';
import { ServiceHome } from '../support/service.js';
import { startSshd, type TestSshd } from '../support/sshd.js';

let sshd: TestSshd;
let stranger: TestSshd;
beforeAll(async () => {
  [sshd, stranger] = await Promise.all([startSshd(), startSshd()]);
});
afterAll(async () => {
  await Promise.all([sshd?.stop(), stranger?.stop()]);
});

describe.each(['postgres', 'redis'])('after leases over SSH, with the queue on %s', (backend) => {
  test('no part of a key or a token is left anywhere but where it is sealed', async () => {
    const [database, home] = await Promise.all([createTestDatabase(), ServiceHome.empty()]);
    let redis: TestRedis | null = null;
    try {
      if (backend === 'redis') redis = await startRedis();
      const service = await home.start({
        DATABASE_URL: connectionUrl(database.connection),
        LEASEHOLD_EXECUTION_BUDGET_MS: '60000',
        ...(redis && { REDIS_URL: redis.url }),
      });
      const { api } = service;
      const companyId = randomUUID();
      const configWith = (privateKey: string): object => {
        const { host, port, username, workspace, knownHosts } = sshd;
        return { host, port, username, remoteWorkspacePath: workspace, knownHosts, privateKey };
      };
      const wish = { name: 'Host', driver: 'ssh', config: configWith(sshd.privateKey) };
      const { id: environmentId } = await api.createEnvironment(companyId, wish);
      const { lease } = await api.acquire(companyId, { environmentId });
      const path = `/api/environment-leases/${lease.id}`;
      const said = `input-${randomUUID()}`;
      const token = `variable-${randomUUID()}`;
      const body = { command: 'cat', stdin: said, env: { TOKEN: token } };
      expect(await api.expect(200, 'POST', `${path}/execute`, body)).toMatchObject({ stdout: said });
      await api.release(lease.id);
      // The wrong key, and one that is none: what fails says why, and not with what.
      const broken = `-----BEGIN OPENSSH PRIVATE KEY-----\n${'bm90IGEga2V5IGF0IGFsbA'.repeat(4)}\n`;
      for (const key of [stranger.privateKey, broken]) {
        await api.patchEnvironment(environmentId, { config: { privateKey: key } });
        const refused = await api.send('POST', `/api/companies/${companyId}/leases`, { environmentId });
        expect(refused.body).toMatchObject({ code: 'lease_acquire_failed', reasonCode: 'authentication_failed' });
      }
      const made = { name: 'CI', permissions: ['admin'], companies: null };
      const { value: bearer } = await api.expect<{ value: string }>(201, 'POST', '/api/tokens', made);
      const headers = { Authorization: `Bearer ${bearer}` };
      expect((await api.send('GET', `/api/environments/${environmentId}`, undefined, headers)).status).toBe(200);
      await service.interrupt();

      const secrets = { key: sshd.privateKey, wrong: stranger.privateKey, broken, bearer, said, variable: token };
      const places = {
        connection: database.connection,
        dataDir: home.dataDir,
        redis,
        logs: { service: service.output },
      };
      expect(await scanForSecrets(secrets, places)).toEqual([]);
    } finally {
      await home.close();
      await redis?.stop();
      await database.drop();
    }
  });
});
