import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Witness } from '../support/fold-of-log.js';
import { ServiceHome, type ServiceProcess } from '../support/service.js';
import { SseReader } from './sse-reader.js';

const IS_SOAK = process.env['LEASEHOLD_SOAK'] === 'yes';
const READERS = 50;
const EVENTS = IS_SOAK ? 10_000 : 1_500;
const CALLERS = 8;
const COMPANIES = [randomUUID(), randomUUID(), randomUUID()];

let home: ServiceHome;
let witness: Witness | undefined;
beforeAll(async () => {
  home = await ServiceHome.make();
});
afterAll(async () => {
  await witness?.close();
  await home?.close();
}, 60_000);

test(
  `${READERS} readers who drop and come back, of a service that is killed twice, each see every event of their company once and in order`,
  async () => {
    let service: ServiceProcess = await home.start();
    const seen = (witness = await Witness.of(await home.connection()));
    const company = (n: number): string => COMPANIES[n % COMPANIES.length] ?? '';
    const readers = Array.from({ length: READERS }, (_, n) => {
      const query = n % 5 === 4 ? '?type=LeaseActivated' : '';
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
      }
    })();
    for (let kill = 1; kill <= 3; kill += 1) {
      while ((await seen.head()) < (kill * EVENTS) / 3) await pause(20);
      if (kill === 3) break;
      await service.kill();
      service = await home.start();
    }
    done = true;
    await Promise.all([...calling, dropping]);

    const log = await seen.events();
    expect(log.length).toBeGreaterThanOrEqual(EVENTS);
    for (const [n, reader] of readers.entries()) {
      const own = log.filter(
        ({ companyId, type }) => companyId === company(n) && (n % 5 !== 4 || type === 'LeaseActivated'),
      );
      await reader.until((events) => events.length >= own.length);
      expect(reader.events.map(({ position }) => position)).toEqual(own.map(({ position }) => position));
      expect(reader.connections).toBeGreaterThan(2);
      reader.close();
    }
    await running;
  },
  IS_SOAK ? 600_000 : 120_000,
);
