import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Role } from '../../../src/platform/config/config.js';
import { connectionUrl } from '../../support/database.js';
import { Witness } from '../../support/fold-of-log.js';
import { SECRETS_KEY, serve, type Service, ServiceHome, type ServiceProcess } from '../../support/service.js';
import { Hooks, LOOPBACK } from './hooks.js';
import { expectOrderPerStream, Receiver } from './receiver.js';

const SETTINGS = {
  ...LOOPBACK,
  LEASEHOLD_SECRETS_KEY: SECRETS_KEY,
  // What a killed worker had under way would come free after more than 20 seconds by its expiry alone.
  LEASEHOLD_WEBHOOK_TIMEOUT_MS: '20000',
};

let service: Service | undefined;
let home: ServiceHome;
let receiver: Receiver;
let witness: Witness | undefined;
beforeEach(async () => {
  [home, receiver] = await Promise.all([ServiceHome.empty(), Receiver.start()]);
});
afterEach(async () => {
  receiver?.close();
  await home?.close();
  await witness?.close();
  await service?.close();
});

async function start(role: Role): Promise<Service> {
  service = await serve({ ...SETTINGS, LEASEHOLD_ROLE: role });
  witness = await Witness.of(service.connection);
  return service;
}

/** Another one at the same work, in a process of its own. */
function spawn({ connection }: Service, role: Role): ServiceProcess {
  return home.spawn({ ...SETTINGS, DATABASE_URL: connectionUrl(connection), LEASEHOLD_ROLE: role });
}

/** Positions of what the company's webhook is to get. */
async function expected(companyId: string, after: number): Promise<number[]> {
  const events = (await witness?.events(after)) ?? [];
  return events.filter((event) => event.companyId === companyId).map(({ position }) => position);
}

test('two workers share the deliveries; what one of them had under way when it is killed is sent by the other at once', async () => {
  const own = await start('all');
  const worker = await spawn(own, 'worker').working();
  const { api } = own;
  const companyId = randomUUID();
  const hooks = new Hooks(api, companyId);
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
    await api.release((await api.acquire(companyId)).lease.id);
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
  await worker.kill();
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
  const next = await start('api');
  const stopped = await spawn(next, 'all').listening();
  const companyId = randomUUID();
  const { id, position } = await new Hooks(stopped.api, companyId).create(receiver.url);
  receiver.react = () => 'hang';
  await stopped.api.acquire(companyId);
  await receiver.until(() => receiver.requests.length > 0);
  const stoppedAt = performance.now();
  expect(await stopped.interrupt()).toBe(0);
  expect(performance.now() - stoppedAt).toBeLessThan(10_000);

  receiver.react = () => 200;
  await next.restart({ LEASEHOLD_ROLE: 'all' });
  const wanted = await expected(companyId, position);
  await receiver.until(() => receiver.firstTaken.length >= wanted.length);
  const { deliveries } = await new Hooks(next.api, companyId).get(id);
  expect(deliveries).toMatchObject({ consecutiveFailures: 0, lastFailure: null });
});
