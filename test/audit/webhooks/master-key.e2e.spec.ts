import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Witness } from '../../support/fold-of-log.js';
import { serve, type Service } from '../../support/service.js';
import { Hooks, LOOPBACK } from './hooks.js';
import { Receiver, verify } from './receiver.js';

const [older, newer] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];

let service: Service;
let receiver: Receiver;
let witness: Witness;
beforeEach(async () => {
  service = await serve({ ...LOOPBACK, LEASEHOLD_SECRETS_KEY: older });
  receiver = await Receiver.start();
  witness = await Witness.of(service.connection);
});
afterEach(async () => {
  receiver?.close();
  await witness?.close();
  await service?.close();
});

test('a secret is sealed anew by a new master key, and goes on signing', async () => {
  const companyId = randomUUID();
  const { id, secret } = await new Hooks(service.api, companyId).create(receiver.url);
  const sealedBy = async (): Promise<string[]> => {
    const sql = `SELECT key_id AS key FROM secret_versions WHERE secret_id = '${id}'`;
    return (await witness.query<{ key: string }>(sql)).map(({ key }) => key);
  };
  const [first] = await sealedBy();

  await service.restart({ LEASEHOLD_SECRETS_KEY: newer, LEASEHOLD_SECRETS_KEY_PREVIOUS: older });
  while ((await sealedBy())[0] === first) await new Promise((resolve) => setTimeout(resolve, 20));

  await service.restart({ LEASEHOLD_SECRETS_KEY_PREVIOUS: undefined });
  await service.api.acquire(companyId);
  await receiver.until(() => receiver.taken.length > 0);
  expect(verify(receiver.taken[0]!, secret)).toEqual(receiver.taken[0]!.event);
});
