import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { connectionUrl, createTestDatabase, type TestDatabase } from '../support/database.js';
import { Witness } from '../support/fold-of-log.js';
import { ServiceHome } from '../support/service.js';
import { Hooks, LOOPBACK } from './hooks.js';
import { Receiver, verify } from './receiver.js';

let database: TestDatabase;
let home: ServiceHome;
let receiver: Receiver;
let witness: Witness | undefined;
beforeEach(async () => {
  [database, home, receiver] = await Promise.all([createTestDatabase(), ServiceHome.make(), Receiver.start()]);
});
afterEach(async () => {
  receiver.close();
  await witness?.close();
  await home?.close();
  await database?.drop();
});

test('a secret is sealed anew by a new master key, and goes on signing', async () => {
  const [older, newer] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
  const settings = { ...LOOPBACK, DATABASE_URL: connectionUrl(database.connection) };
  const before = await home.start({ ...settings, LEASEHOLD_SECRETS_KEY: older });
  const companyId = randomUUID();
  const { id, secret } = await new Hooks(before.api, companyId).create(receiver.url);
  witness = await Witness.of(database.connection);
  const sealedBy = async (): Promise<string[]> => {
    const sql = `SELECT key_id AS key FROM secret_versions WHERE secret_id = '${id}'`;
    return ((await witness?.query<{ key: string }>(sql)) ?? []).map(({ key }) => key);
  };
  const [first] = await sealedBy();
  await before.interrupt();

  const after = await home.start({
    ...settings,
    LEASEHOLD_SECRETS_KEY: newer,
    LEASEHOLD_SECRETS_KEY_PREVIOUS: older,
  });
  while ((await sealedBy())[0] === first) await new Promise((resolve) => setTimeout(resolve, 20));
  await after.interrupt();

  const alone = await home.start({ ...settings, LEASEHOLD_SECRETS_KEY: newer });
  await alone.api.acquire(companyId);
  await receiver.until(() => receiver.taken.length > 0);
  expect(verify(receiver.taken[0]!, secret)).toEqual(receiver.taken[0]!.event);
});
