import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../../platform/embedded/support.js';
import { connectionUrl, createEmptyDatabase } from '../../support/database.js';
import { SECRETS_KEY, ServiceHome } from '../../support/service.js';

let homes: ServiceHome[] = [];
beforeAll(async () => {
  homes = await Promise.all([ServiceHome.empty(), ServiceHome.empty()]);
});
afterAll(async () => {
  for (const home of homes) await home.close();
});

test('of two machines with one log, the one that has a sandbox does what is to be done with it; the other says so', async () => {
  const database = await createEmptyDatabase();
  const [one, other] = homes as [ServiceHome, ServiceHome];
  try {
    const keys = { LEASEHOLD_SECRETS_KEY: SECRETS_KEY, LEASEHOLD_AUDIT_KEY: SECRETS_KEY };
    const settings = { ...keys, DATABASE_URL: connectionUrl(database.connection) };
    const first = await one.start(settings);
    const company = randomUUID();
    const config = { provider: 'bubblewrap' };
    const { id: environmentId } = await first.api.createEnvironment(company, {
      name: 'Box',
      driver: 'sandbox',
      config,
    });
    const { lease } = await first.api.acquire(company, { environmentId }, { Prefer: 'wait=60' });
    await first.interrupt();

    const { api } = await other.start(settings);
    const execute = { command: 'true' };
    const problem = await api.send<{ code: string }>('POST', `/api/environment-leases/${lease.id}/execute`, execute);
    expect([problem.status, problem.body.code]).toEqual([409, 'sandbox_elsewhere']);
    // It takes the cleanup from the queue, and leaves it.
    await api.send('POST', `/api/environment-leases/${lease.id}/release`, {}, { Prefer: 'wait=3' });
    expect(await sandboxesOf(one)).toHaveLength(1);
    expect(await api.lease(lease.id)).toMatchObject({ cleanupStatus: 'pending' });

    await one.spawn({ ...settings, LEASEHOLD_ROLE: 'worker' }).working();
    await eventually(async () => expect(await api.lease(lease.id)).toMatchObject({ cleanupStatus: 'success' }), 30_000);
    expect(await sandboxesOf(one)).toEqual([]);
  } finally {
    for (const home of homes) await home.endAll();
    await database.drop();
  }
});

async function sandboxesOf(home: ServiceHome): Promise<string[]> {
  return (await readdir(join(home.dataDir, 'sandboxes'))).filter((name) => !name.startsWith('.'));
}
