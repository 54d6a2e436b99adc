import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Witness } from '../../support/fold-of-log.js';
import { ServiceHome, type ServiceProcess } from '../../support/service.js';
import { Hooks, LOOPBACK } from '../webhooks/hooks.js';
import { expectOrderPerStream, Receiver, verify, type Reaction } from '../webhooks/receiver.js';
import { SseReader } from './sse-reader.js';

const READERS = 50;
const RECEIVERS = 20;
const EVENTS = 10_000;
const CALLERS = 8;
const COMPANIES = [randomUUID(), randomUUID(), randomUUID()];
const company = (n: number): string => COMPANIES[n % COMPANIES.length] ?? '';
/** Every fifth wants one type alone. */
const TYPE = 'LeaseActivated';
const wantsOne = (n: number): boolean => n % 5 === 4;

let home: ServiceHome;
let witness: Witness | undefined;
let receivers: Receiver[] = [];
beforeAll(async () => {
  home = await ServiceHome.make();
  receivers = await Promise.all(Array.from({ length: RECEIVERS }, () => Receiver.start()));
});
afterAll(async () => {
  for (const receiver of receivers) receiver.close();
  await witness?.close();
  await home?.close();
});

test(`${READERS} readers and ${RECEIVERS} receivers who drop and come back, of a service that is killed twice, each get every event that they may see, in order`, async () => {
  let service: ServiceProcess = await home.start({ ...LOOPBACK });
  const seen = (witness = await Witness.of(await home.connection()));
  const secrets = new Map<Receiver, string>();
  const begins = new Map<Receiver, number>();
  for (const [n, receiver] of receivers.entries()) {
    const filter = wantsOne(n) ? { type: [TYPE] } : {};
    const { secret, position } = await new Hooks(service.api, company(n)).create(receiver.url, { filter });
    secrets.set(receiver, secret);
    begins.set(receiver, position);
    // Of some every eleventh request fails, one way or the other.
    let asked = n;
    const faults: readonly Reaction[] = [503, 'drop', 500];
    receiver.react = () => {
      asked += 1;
      return n % 2 === 0 && asked % 11 === 0 ? (faults[asked % faults.length] ?? 500) : 200;
    };
  }
  const readers = Array.from({ length: READERS }, (_, n) => {
    const query = wantsOne(n) ? `?type=${TYPE}` : '';
    return new SseReader(() => `${service.api.url}/api/companies/${company(n)}/events/stream${query}`, 0);
  });
  const running = Promise.all(readers.map((reader) => reader.run()));

  let done = false;
  const calling = Array.from({ length: CALLERS }, async (_, n) => {
    while (!done) {
      await service.api
        .acquire(company(n))
        .then(({ lease }) => service.api.release(lease.id))
        // The service was killed.
        .catch(() => pause(20));
    }
  });
  const dropping = (async () => {
    for (let n = 0; !done; n += 1) {
      await pause(15);
      readers[(n * 7) % READERS]?.drop();
      if (n % 10 === 0) receivers[n % RECEIVERS]?.dropConnections();
    }
  })();
  for (let kill = 1; kill <= 3; kill += 1) {
    while ((await seen.head()) < (kill * EVENTS) / 3) await pause(20);
    if (kill === 3) break;
    await service.kill();
    service = await home.start({ ...LOOPBACK });
  }
  done = true;
  await Promise.all([...calling, dropping]);

  const log = await seen.events();
  expect(log.length).toBeGreaterThanOrEqual(EVENTS);
  const ofCompany = (n: number) =>
    log.filter(({ companyId, type }) => companyId === company(n) && (!wantsOne(n) || type === TYPE));
  for (const [n, reader] of readers.entries()) {
    const own = ofCompany(n).map(({ position }) => position);
    await reader.until((events) => events.length >= own.length);
    expect(reader.events.map(({ position }) => position)).toEqual(own);
    expect(reader.connections).toBeGreaterThan(2);
    reader.close();
  }
  for (const [n, receiver] of receivers.entries()) {
    const own = ofCompany(n)
      .filter(({ position, type }) => position > begins.get(receiver)! && !type.startsWith('Webhook'))
      .map(({ position }) => position);
    await receiver.until(() => receiver.firstTaken.length >= own.length, 240_000);
    expect([n, [...receiver.firstTaken].sort((a, b) => a - b)]).toEqual([n, own]);
    expectOrderPerStream(receiver.taken);
    for (const received of receiver.taken.slice(-50)) verify(received, secrets.get(receiver)!);
  }
  await running;
}, 900_000);
