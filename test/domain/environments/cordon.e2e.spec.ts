import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Environment } from '../../../src/domain/environments/state.js';
import type { Permission } from '../../../src/platform/http/index.js';
import { expectSoundLog, Witness } from '../../support/fold-of-log.js';
import { serve, type Service } from '../../support/service.js';

let service: Service;
let witness: Witness;
beforeAll(async () => {
  service = await serve();
  witness = await Witness.of(service.connection);
});
afterAll(async () => {
  await witness?.close();
  await service?.close();
});

const change = (id: string, what: string, body: object = {}, headers = {}): Promise<Environment> =>
  service.api.expect(200, 'POST', `/api/environments/${id}/${what}`, body, headers);

async function bearer(permissions: readonly Permission[], companies: readonly string[] | null) {
  const wanted = { name: 'test', permissions, companies };
  const { value } = await service.api.expect<{ value: string }>(201, 'POST', '/api/tokens', wanted, admin);
  return { authorization: `Bearer ${value}` };
}
let admin: Record<string, string> = {};

test('a cordoned environment refuses new leases and says why; the leases there go on', async () => {
  const companyId = randomUUID();
  const { id } = await service.api.createSandbox(companyId);
  const { lease } = await service.api.acquire(companyId, { environmentId: id });
  const cordoned = await change(id, 'cordon', { reason: 'Disk replacement' });
  expect(cordoned).toMatchObject({ version: 2, cordoned: { by: 'operator', reason: 'Disk replacement' } });
  const since = cordoned.cordoned?.since;

  const wish = { environmentId: id };
  const problem = await service.api.problem(409, 'POST', `/api/companies/${companyId}/leases`, wish);
  expect(problem).toMatchObject({ code: 'environment_cordoned', by: 'operator', since, reason: 'Disk replacement' });
  expect(problem.detail).toBe(`The environment takes no new leases since ${since}: Disk replacement.`);
  expect(await service.api.lease(lease.id)).toMatchObject({ status: 'active' });
  expect(await service.api.environment(id)).toEqual(cordoned);
  expect(await service.api.environments(companyId)).toEqual([cordoned]);

  const { lease: allowed } = await service.api.acquire(companyId, { ...wish, allowCordoned: true });
  expect(allowed.status).toBe('active');
  expect(await change(id, 'uncordon')).toMatchObject({ cordoned: null, version: 3 });
  await service.api.acquire(companyId, wish);
});

test('repeating records nothing; a key and a version count as in other commands', async () => {
  const companyId = randomUUID();
  const { id, version } = await service.api.createSandbox(companyId);
  await service.api.expect(409, 'POST', `/api/environments/${id}/cordon`, {}, { 'if-match': `"${version + 1}"` });
  const key = { 'idempotency-key': randomUUID(), 'if-match': `"${version}"` };
  const first = await change(id, 'cordon', {}, key);
  expect(await change(id, 'cordon', {}, key)).toEqual(first);
  expect(await change(id, 'cordon', { reason: 'again' })).toEqual(first);
  await change(id, 'uncordon');
  expect(await change(id, 'cordon', {}, key)).toEqual(first);
  expect(await change(id, 'uncordon')).toMatchObject({ cordoned: null });
  const types = (await witness.events()).filter(({ stream }) => stream.endsWith(id)).map(({ type }) => type);
  expect(types).toEqual(['EnvironmentCreated', 'EnvironmentCordoned', 'EnvironmentUncordoned']);
  await service.api.expect(404, 'POST', `/api/environments/${randomUUID()}/cordon`, {});
});

test('the history and the answer to “why” say it', async () => {
  const companyId = randomUUID();
  const { id } = await service.api.createSandbox(companyId);
  await change(id, 'cordon', { reason: 'Disk replacement.' });
  await change(id, 'uncordon');
  const path = `/api/environments/${id}/timeline`;
  const { items } = await service.api.expect<{ items: readonly { sentence: string }[] }>(200, 'GET', path);
  expect(items.map(({ sentence }) => sentence)).toEqual([
    'Environment "Sandbox" created (sandbox).',
    'Cordoned: Disk replacement. It takes no new leases.',
    'Uncordoned: it takes new leases.',
  ]);
  const events = await witness.events();
  expectSoundLog(events);
  await witness.expectTablesToBeTheFold(events);
});

test('a cordoned local environment is not leased without its name either', async () => {
  const companyId = randomUUID();
  const { environment, lease } = await service.api.acquire(companyId);
  await service.api.release(lease.id);
  await change(environment.id, 'cordon');
  const problem = await service.api.problem(409, 'POST', `/api/companies/${companyId}/leases`, {});
  expect(problem.code).toBe('environment_cordoned');
});

test('what is kept in a cordoned environment is resumed only by who may', async () => {
  const companyId = randomUUID();
  const { id } = await service.api.createSandbox(companyId);
  const { lease } = await service.api.acquire(companyId, { environmentId: id, leasePolicy: 'retain_on_failure' });
  await service.api.release(lease.id, { status: 'failed' });
  await change(id, 'cordon');
  const path = `/api/environment-leases/${lease.id}/resume`;
  expect((await service.api.problem(409, 'POST', path, {})).code).toBe('environment_cordoned');
  await service.api.expect(201, 'POST', path, { allowCordoned: true });
});

test('cordoning and leasing all the same need a permission', async () => {
  const companyId = randomUUID();
  const { id } = await service.api.createSandbox(companyId);
  await change(id, 'cordon');
  admin = await bearer(['admin'], null);
  const leaser = await bearer(['leases:acquire', 'leases:operate'], [companyId]);
  const wish = { environmentId: id, allowCordoned: true };
  const path = `/api/companies/${companyId}/leases`;
  expect((await service.api.problem(403, 'POST', path, wish, leaser)).code).toBe('permission_denied');
  await service.api.expect(403, 'POST', `/api/environments/${id}/uncordon`, {}, leaser);
  expect(await service.api.environment(id, leaser)).toMatchObject({ cordoned: { by: 'operator' } });
  await service.api.acquire(companyId, wish, await bearer(['leases:acquire', 'environments:manage'], [companyId]));
});
