import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import { eventually } from '../platform/embedded/support.js';
import type { Api } from './api.js';

interface Execution {
  readonly exitCode: number;
  readonly stdout: string;
}

interface Check {
  readonly ok: boolean;
  readonly differing: number;
}

/** Whether the service's clock and the database's are printed alike. */
const NEAR_MS = 60_000;

/**
 * What a caller does with leases, from the first to the audit, on a service whose database is an unusual one: local leases
 * with a command, one that expires, one through the queue, lists, a moment of the past, and the log's own checks.
 */
export async function expectWholeLeaseLife(api: Api): Promise<void> {
  const company = randomUUID();
  const run = randomUUID();
  const { lease, position } = await api.acquire(company, { heartbeatRunId: run, ttlSeconds: 300 });
  expect(Math.abs(Date.parse(lease.createdAt) - Date.now())).toBeLessThan(NEAR_MS);
  expect(Date.parse(lease.expiresAt ?? '') - Date.parse(lease.acquiredAt ?? '')).toBe(300_000);
  const executed = await api.expect<Execution>(200, 'POST', `/api/environment-leases/${lease.id}/execute`, {
    command: 'echo',
    args: ['hello'],
  });
  expect(executed).toMatchObject({ exitCode: 0, stdout: 'hello\n' });

  const expiring = (await api.acquire(company, { ttlSeconds: 1 })).lease;
  const sandbox = await api.createEnvironment(company, {
    name: 'NULL "\\ ☃',
    driver: 'sandbox',
    config: { provider: 'bubblewrap' },
  });
  const queued = await api.acquire(company, { environmentId: sandbox.id }, { prefer: 'wait=30' });
  expect(queued.lease).toMatchObject({ status: 'active', provider: 'bubblewrap' });
  await api.release(queued.lease.id, {}, { prefer: 'wait=30' });

  await eventually(async () => expect(await api.lease(expiring.id)).toMatchObject({ status: 'expired' }), 30_000);
  await api.releaseRun(company, run);
  const now = await api.everyLease(company);
  expect(now.map(({ id, status }) => [id, status]).sort()).toEqual(
    [
      [lease.id, 'released'],
      [expiring.id, 'expired'],
      [queued.lease.id, 'released'],
    ].sort(),
  );
  const then = await api.leases(company, `?at=${position}`);
  expect(then.items).toMatchObject([{ id: lease.id, status: 'active', expiresAt: lease.expiresAt }]);
  expect(await api.environment(sandbox.id)).toMatchObject({ name: 'NULL "\\ ☃' });

  const verified = await api.expect<Check>(200, 'POST', '/api/projections/leases/verify');
  expect(verified.differing).toBe(0);
  expect(await api.expect<Check>(200, 'POST', '/api/audit/verify', {})).toMatchObject({ ok: true });
  expect(await api.expect(200, 'GET', '/api/ready')).toMatchObject({ ready: true });
}
