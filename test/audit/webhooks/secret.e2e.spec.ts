import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Witness } from '../../support/fold-of-log.js';
import { serve, type Service } from '../../support/service.js';
import { Hooks, LOOPBACK } from './hooks.js';
import { Receiver, verify, type Received } from './receiver.js';

let service: Service;
let witness: Witness;
let receiver: Receiver;
let hooks: Hooks;
beforeAll(async () => {
  service = await serve(LOOPBACK);
  witness = await Witness.of(service.connection);
});
beforeEach(async () => {
  receiver = await Receiver.start();
  hooks = new Hooks(service.api, randomUUID());
});
afterEach(() => receiver.close());
afterAll(async () => {
  await witness?.close();
  await service?.close();
});

const next = async (): Promise<Received> => {
  const before = receiver.taken.length;
  await service.api.acquire(hooks.companyId);
  await receiver.until(() => receiver.taken.length > before);
  return receiver.taken.at(-1)!;
};
const isBy = (received: Received, secret: string): boolean => {
  try {
    verify(received, secret);
    return true;
  } catch {
    return false;
  }
};

test('a secret that is rotated signs for the overlap beside the new one; without overlap it ends at once', async () => {
  const { id, secret: first } = await hooks.create(receiver.url, { filter: { type: ['LeaseActivated'] } });
  expect(isBy(await next(), first)).toBe(true);
  const { secret: second, secretVersion, previousSecretUntil } = await hooks.rotate(id, 3_600);
  expect([secretVersion, Date.parse(previousSecretUntil!) > Date.now()]).toEqual([2, true]);
  const both = await next();
  expect([isBy(both, first), isBy(both, second)]).toEqual([true, true]);
  const { secret: third } = await hooks.rotate(id, 0);
  const alone = await next();
  expect([isBy(alone, first), isBy(alone, second), isBy(alone, third)]).toEqual([false, false, true]);
  // What ended is deleted with the next rotation.
  await hooks.rotate(id, 0);
  const left = await witness.query<{ version: number }>(
    `SELECT version FROM secret_versions WHERE secret_id = '${id}'`,
  );
  expect(left.map(({ version }) => version)).toEqual([3, 4]);
});

test('an overlap that is over has ended', async () => {
  const { id, secret: first } = await hooks.create(receiver.url, { filter: { type: ['LeaseActivated'] } });
  const { secret: second } = await hooks.rotate(id, 1);
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  const received = await next();
  expect([isBy(received, first), isBy(received, second)]).toEqual([false, true]);
});

test('a command that is repeated answers with the secret that it made, as long as that is there', async () => {
  const headers = { 'Idempotency-Key': 'make-1' };
  const made = await hooks.create(receiver.url, {}, headers);
  expect(await hooks.create(receiver.url, {}, headers)).toEqual(made);
  const rotated = await hooks.rotate(made.id, 0, { 'Idempotency-Key': 'rotate-1' });
  expect(await hooks.rotate(made.id, 0, { 'Idempotency-Key': 'rotate-1' })).toEqual(rotated);
  await service.api.expect(200, 'DELETE', `${hooks.path}/${made.id}`);
  const body = { url: receiver.url };
  expect(await service.api.expect(201, 'POST', hooks.path, body, headers)).toEqual({ ...made, secret: null });
});

test('a secret is in no other answer, no event, no table but the sealed one, and no config can refer to it', async () => {
  const { id, secret } = await hooks.create(receiver.url);
  await next();
  const answers = [
    await hooks.get(id),
    await hooks.deliveries(id),
    await service.api.send('GET', hooks.path),
    await service.api.send('GET', `/api/companies/${hooks.companyId}/events`),
    await service.api.send('GET', `/api/companies/${hooks.companyId}/secrets`),
  ];
  expect(JSON.stringify(answers)).not.toContain(secret);
  const config = { host: 'h', username: 'u', privateKeySecretRef: { type: 'secret_ref', secretId: id, version: 1 } };
  const wanted = { name: 'Host', driver: 'ssh', config };
  const { code } = await service.api.problem(400, 'POST', `/api/companies/${hooks.companyId}/environments`, wanted);
  expect(code).toBe('validation_failed');
  // Closing the service scans its database and its log for it (see useSecret).
});

test('whoever may read the audit trail sees webhooks, and only an admin makes or changes them', async () => {
  const { api } = service;
  const { companyId } = hooks;
  const { id } = await hooks.create(receiver.url);
  const token = async (wanted: object, headers = {}): Promise<Record<string, string>> => {
    const { value } = await api.expect<{ value: string }>(201, 'POST', '/api/tokens', wanted, headers);
    return { authorization: `Bearer ${value}` };
  };
  const operator = await token({ name: 'operator', companies: null, permissions: ['admin'] });
  const holder = (permission: string, company: string): Promise<Record<string, string>> =>
    token({ name: permission, companies: [company], permissions: [permission] }, operator);
  const statuses = async (headers: Record<string, string>): Promise<number[]> => [
    (await api.send('GET', hooks.path, undefined, headers)).status,
    (await api.send('GET', `${hooks.path}/${id}/deliveries`, undefined, headers)).status,
    (await api.send('POST', hooks.path, { url: receiver.url }, headers)).status,
    (await api.send('POST', `${hooks.path}/${id}/rotate-secret`, {}, headers)).status,
  ];
  expect(await statuses(await holder('audit:read', companyId))).toEqual([200, 200, 403, 403]);
  expect(await statuses(await holder('environments:manage', companyId))).toEqual([403, 403, 403, 403]);
  expect(await statuses(await holder('admin', randomUUID()))).toEqual([404, 404, 404, 404]);
  const own = await holder('admin', companyId);
  expect((await api.send('GET', `${hooks.path}/${id}`, undefined, own)).status).toBe(200);
  expect((await api.send('DELETE', `${hooks.path}/${id}`, undefined, own)).status).toBe(200);
});
