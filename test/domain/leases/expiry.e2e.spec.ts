import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import type { ExecutionAnswer } from '../../../src/runtime/execution/http/execute-bodies.js';
import type { LeaseJson } from '../../../src/domain/leases/lease-json.js';
import { SandboxesUnderTest } from '../../runtime/drivers/bubblewrap/sandbox-under-test.js';
import type { Api } from '../../support/api.js';
import { connectionUrl, createTestDatabase } from '../../support/database.js';
import { serve, SECRETS_KEY, ServiceHome, type Service } from '../../support/service.js';

async function ended(api: Api, id: string): Promise<LeaseJson> {
  for (;;) {
    const lease = await api.lease(id);
    if (lease.releasedAt !== null) return lease;
    await pause(50);
  }
}

/** A lease that nothing but its deadline of a second ends: once it has ended, every other that is due was looked at. */
async function untilExpiryHasLooked(api: Api): Promise<void> {
  const { lease } = await api.acquire(randomUUID(), { ttlSeconds: 1 });
  expect(await ended(api, lease.id)).toMatchObject({ status: 'expired', reasonCode: 'ttl_elapsed' });
}

describe('a lease with an idle limit', () => {
  let service: Service;
  let sandboxes: SandboxesUnderTest;
  beforeAll(async () => {
    sandboxes = await SandboxesUnderTest.start();
    service = await serve({ LEASEHOLD_LOCAL_EXECUTE: 'true', LEASEHOLD_DATA_DIR: sandboxes.dataDir });
  });
  afterAll(async () => {
    await service?.close();
    await sandboxes?.stop({ leasesAreLive: true });
  });

  test('does not end while a command runs in it, and ends when nothing has run for as long', async () => {
    const { lease } = await service.api.acquire(randomUUID(), { idleTtlSeconds: 1 });
    const path = `/api/environment-leases/${lease.id}/execute`;
    const running = service.api.expect<ExecutionAnswer>(200, 'POST', path, { command: 'cat', stdin: 'x' });
    expect(await running).toMatchObject({ exitCode: 0, stdout: 'x' });
    const slow = { command: 'sh', args: ['-c', 'sleep 2.5; echo done'] };
    expect(await service.api.expect(200, 'POST', path, slow)).toMatchObject({ exitCode: 0, stdout: 'done\n' });
    expect(await ended(service.api, lease.id)).toMatchObject({ reasonCode: 'idle_ttl_elapsed' });
  });

  test('does not end while its workspace is moved', async () => {
    const companyId = randomUUID();
    const config = { provider: 'bubblewrap' };
    const { id: environmentId } = await service.api.createEnvironment(companyId, {
      ...{ name: 'Sandbox', driver: 'sandbox', config },
    });
    const { lease } = await service.api.acquire(companyId, { environmentId, idleTtlSeconds: 1 });
    const sent = request(`${service.api.url}/api/environment-leases/${lease.id}/sync-in`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-tar' },
    });
    const answered = new Promise<number | undefined>((resolve, reject) => {
      sent.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject);
    });
    // An empty archive is two blocks of nothing: the first is there, and the other is on its way for seconds.
    sent.write(Buffer.alloc(512));
    await pause(1_200);
    await untilExpiryHasLooked(service.api);
    expect((await service.api.lease(lease.id)).status).toBe('active');
    sent.end(Buffer.alloc(512));
    expect(await answered).toBe(200);
    expect(await ended(service.api, lease.id)).toMatchObject({ reasonCode: 'idle_ttl_elapsed' });
  });

  test('that cannot be expired is in no other lease’s way', async () => {
    // Rows of no lease: the command refuses each of them, every time.
    const client = new pg.Client(service.connection);
    await client.connect();
    await client.query(
      `INSERT INTO leases (id, company_id, environment_id, status, cleanup_written_off, in_doubt, due_at, fence, lease)
       SELECT gen_random_uuid(), company_id, environment_id, 'active', false, false, '2020-01-01T00:00:00Z', fence + 1000000 + n, lease
       FROM (SELECT * FROM leases LIMIT 1) AS model, generate_series(1, 250) AS n`,
    );
    await client.end();
    await untilExpiryHasLooked(service.api);
  });
});

describe.each([
  ['an hour ahead', 3_600_000],
  ['an hour behind', -3_600_000],
])('a service whose clock is %s', (_name, skewMs) => {
  let home: ServiceHome;
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  beforeAll(async () => {
    [home, database] = await Promise.all([ServiceHome.empty(), createTestDatabase()]);
  });
  afterAll(async () => {
    await home?.close();
    await database?.drop();
  });

  test('ends leases when Postgres says that it is time', async () => {
    const skew = pathToFileURL(join(import.meta.dirname, '..', '..', 'support', 'skewed-clock.mjs')).href;
    const { api } = await home.start({
      DATABASE_URL: connectionUrl(database.connection),
      LEASEHOLD_SECRETS_KEY: SECRETS_KEY,
      LEASEHOLD_AUDIT_KEY: SECRETS_KEY,
      NODE_OPTIONS: `--import=${skew}`,
      LEASEHOLD_TEST_SKEW_MS: String(skewMs),
    });
    const { lease } = await api.acquire(randomUUID(), { ttlSeconds: 600 });
    await untilExpiryHasLooked(api);
    expect((await api.lease(lease.id)).status).toBe('active');
  });
});
