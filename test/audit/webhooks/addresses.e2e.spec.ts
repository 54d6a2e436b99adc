import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { serve, type Service } from '../../support/service.js';
import { Hooks, LOOPBACK } from './hooks.js';
import { Receiver } from './receiver.js';

const STRICT = { LEASEHOLD_WEBHOOK_PRIVATE_ADDRESSES: 'false', LEASEHOLD_WEBHOOK_PAUSE_AFTER: '3' };

let service: Service;
let receiver: Receiver;
beforeEach(async () => {
  [service, receiver] = await Promise.all([serve(LOOPBACK), Receiver.start()]);
});
afterEach(async () => {
  receiver?.close();
  await service?.close();
});

test('addresses that are not public are refused when a webhook is made, and once more for each delivery', async () => {
  const companyId = randomUUID();
  const loopback = (host: string): string => `http://${host}:${receiver.port}/hook`;
  const before = new Hooks(service.api, companyId);
  const [byName, byNumber] = [await before.create(loopback('localhost')), await before.create(loopback('127.0.0.1'))];
  await service.api.acquire(companyId);
  await receiver.until(
    () => receiver.firstTaken.length > 0 && receiver.positions.length === 2 * receiver.firstTaken.length,
  );
  await service.restart(STRICT);
  const taken = receiver.requests.length;
  const { api } = service;
  const hooks = new Hooks(api, companyId);
  for (const host of ['127.0.0.1', '2130706433', '[::ffff:127.0.0.1]', '10.0.0.1', 'localhost', 'localhost.']) {
    const { code } = await api.problem(422, 'POST', hooks.path, { url: loopback(host) });
    expect([host, code]).toEqual([host, 'webhook_address_refused']);
    await api.problem(422, 'PATCH', `${hooks.path}/${byName.id}`, { url: loopback(host) });
  }
  for (const url of ['ftp://example.com/', 'hook', 'http://user@example.com/', 'https://user:word@example.com/', '']) {
    expect(await api.problem(400, 'POST', hooks.path, { url })).toMatchObject({ errors: [{ field: 'url' }] });
  }
  await api.acquire(companyId);
  for (const { id } of [byName, byNumber]) {
    const { pause } = await hooks.until(id, ({ status }) => status === 'paused');
    expect(pause?.detail).toContain('is not a public address (loopback)');
  }
  expect(receiver.requests.length).toBe(taken);
});
