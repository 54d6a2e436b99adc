import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { connectionUrl, createTestDatabase, type TestDatabase } from '../support/database.js';
import { Witness } from '../support/fold-of-log.js';
import { SECRETS_KEY, ServiceHome } from '../support/service.js';
import { Hooks, LOOPBACK } from './hooks.js';
import { expectOrderPerStream, Receiver } from './receiver.js';

let database: TestDatabase;
let home: ServiceHome;
let receiver: Receiver;
let witness: Witness | undefined;
const settings = (role: string): Record<string, string> => ({
  ...LOOPBACK,
  DATABASE_URL: connectionUrl(database.connection),
  LEASEHOLD_SECRETS_KEY: SECRETS_KEY,
  LEASEHOLD_ROLE: role,
  // What a killed worker had under way would come free after more than 20 seconds by its expiry alone.
  LEASEHOLD_WEBHOOK_TIMEOUT_MS: '20000',
});

beforeEach(async () => {
  [database, home, receiver] = await Promise.all([createTestDatabase(), ServiceHome.make(), Receiver.start()]);
});
afterEach(async () => {
  receiver.close();
  await witness?.close();
  await home?.close();
  await database?.drop();
});

/** Positions of what the company's webhook is to get. */
async function expected(companyId: string, after: number): Promise<number[]> {
  const events = (await witness?.events(after)) ?? [];
  return events.filter((event) => event.companyId === companyId).map(({ position }) => position);
}

test('two workers share the deliveries; what one of them had under way when it is killed is sent by the other at once', async () => {
  const api = await home.start(settings('api'));
  const [one] = await Promise.all([home.spawn(settings('worker')).working(), home.spawn(settings('worker')).working()]);
  witness = await Witness.of(database.connection);
  const companyId = randomUUID();
  const hooks = new Hooks(api.api, companyId);
  const { id, position } = await hooks.create(receiver.url);

  const claimants = new Set<number>();
  receiver.react = async () => {
    const rows = await witness!.query<{ worker: number }>(
      'SELECT DISTINCT claimed_by AS worker FROM webhook_deliveries WHERE claimed_by IS NOT NULL',
    );
    for (const { worker } of rows) claimants.add(worker);
    await pause(20);
    return 200;
  };
  const lease = async (): Promise<void> => {
    await api.api.release((await api.api.acquire(companyId)).lease.id);
  };
  await Promise.all(Array.from({ length: 24 }, lease));
  await receiver.until(() => claimants.size > 1);

  // Neither answered nor refused: whoever is killed has these under way.
  let answers = false;
  receiver.react = () => (answers ? 200 : 'hang');
  const before = receiver.requests.length;
  await Promise.all(Array.from({ length: 24 }, lease));
  await receiver.until(() => receiver.requests.length > before + 8);
  answers = true;
  await one.kill();
  const killedAt = performance.now();
  // The other one's own requests would hang for longer than this test waits.
  receiver.dropConnections();
  const wanted = await expected(companyId, position);
  await receiver.until(() => receiver.firstTaken.length >= wanted.length);
  expect(performance.now() - killedAt).toBeLessThan(15_000);
  expect([...receiver.firstTaken].sort((a, b) => a - b)).toEqual(wanted);
  expectOrderPerStream(receiver.taken);
  await hooks.until(id, ({ deliveries: { pending, lag } }) => pending === 0 && lag === 0);
});

test('a service that stops ends at once, whatever its receivers do, and counts no failure for what it has cut off', async () => {
  const service = await home.start(settings('all'));
  witness = await Witness.of(database.connection);
  const companyId = randomUUID();
  const hooks = new Hooks(service.api, companyId);
  const { id, position } = await hooks.create(receiver.url);
  receiver.react = () => 'hang';
  await service.api.acquire(companyId);
  await receiver.until(() => receiver.requests.length > 0);
  const stoppedAt = performance.now();
  expect(await service.interrupt()).toBe(0);
  expect(performance.now() - stoppedAt).toBeLessThan(10_000);

  receiver.react = () => 200;
  const next = await home.start(settings('all'));
  const wanted = await expected(companyId, position);
  await receiver.until(() => receiver.firstTaken.length >= wanted.length);
  const { deliveries } = await new Hooks(next.api, companyId).get(id);
  expect(deliveries).toMatchObject({ consecutiveFailures: 0, lastFailure: null });
});
