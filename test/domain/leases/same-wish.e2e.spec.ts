import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Problem } from '../../../src/platform/http/problem.js';
import { serve, type Service } from '../../support/service.js';

let service: Service;
beforeAll(async () => {
  service = await serve();
});
afterAll(() => service?.close());

test('null is the same wish as nothing under one Idempotency-Key, in whichever field', async () => {
  const companyId = randomUUID();
  const headers = { 'idempotency-key': 'one' };
  const optional = `environmentId heartbeatRunId issueId agentId adapterType executionWorkspaceId executionWorkspaceMode
    leasePolicy ttlSeconds idleTtlSeconds maxTtlSeconds expiryNoticeSeconds priority metadata`.split(/\s+/);
  const { lease } = await service.api.acquire(companyId, {}, headers);
  for (const field of optional) {
    const again = await service.api.acquire(companyId, { [field]: null }, headers);
    expect([field, again.lease.id]).toEqual([field, lease.id]);
  }
  const own = await service.api.send('POST', `/api/companies/${companyId}/leases`, { metadata: { a: null } }, headers);
  expect(own.status).toBe(409);
  const release = { 'idempotency-key': 'two' };
  await service.api.release(lease.id, {}, release);
  await service.api.release(lease.id, { status: null, failureReason: null }, release);
});

test.each([
  ['local', {}, ['driver', 'provider', 'executionWorkspaceMode', 'workspaceRealization', 'remoteCwd']],
  ['sandbox', { provider: 'fake' }, ['driver', 'image', 'reuseLease']],
] as const)('metadata that a %s lease would lose is refused by name', async (driver, config, names) => {
  const companyId = randomUUID();
  const made = { name: 'E', driver, config };
  const { id: environmentId } = await service.api.createEnvironment(companyId, made);
  const path = `/api/companies/${companyId}/leases`;
  for (const name of names) {
    const metadata = { [name]: 'mine', ticket: 'A-1' };
    const { status, body } = await service.api.send<Problem>('POST', path, { environmentId, metadata });
    expect([status, body.code, body.errors?.map(({ field }) => field)]).toEqual([
      400,
      'validation_failed',
      [`metadata.${name}`],
    ]);
  }
  // Nested ones, and those of other drivers, are the caller's.
  const metadata = { mine: { driver: 'x' }, host: 'h' };
  const { lease } = await service.api.acquire(companyId, { environmentId, metadata });
  expect(lease.metadata).toMatchObject({ ...metadata, driver });
});

test('a lease of the default environment that is refused for its metadata makes no environment', async () => {
  const companyId = randomUUID();
  const wish = { metadata: { driver: 'mine' } };
  expect(await service.api.send('POST', `/api/companies/${companyId}/leases`, wish)).toMatchObject({ status: 400 });
  expect(await service.api.environments(companyId)).toEqual([]);
});
