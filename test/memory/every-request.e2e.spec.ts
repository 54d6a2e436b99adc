import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { aliveIn, COUNTED, moreThan, type Alive } from '../support/alive.js';
import { ServiceHome, type ServiceProcess } from '../support/service.js';
import { grown } from '../support/soak.js';
import { Callers, type Stays } from './callers.js';
import { routesOf, type Route } from './requests.js';
import { AdminApi, endWorld, makeWorld } from './world.js';

/** How many of each request; 10,000 take an hour: LEASEHOLD_REQUESTS=10000 npm run soak -- test/memory/every-request */
const ALL = Number(process.env['LEASEHOLD_REQUESTS'] ?? grown(24, 200));
/** Compared with what is alive after these: of a thousand the caches of states and events are full, of fewer half full. */
const FIRST = ALL < 100 ? 4 : ALL < 1_000 ? ALL / 2 : ALL / 10;
/** Where there is time for it: which request it was. */
const ONE_BY_ONE = ALL > 500;
const MIB = 1024 * 1024;
/** Fewer than one of each request: connections and pools grow and shrink a little. */
const OBJECTS = 15;
/** Requests that name the same things: a stream of a lease has an event of each of them. */
const OF_ONE_WORLD = 100;
const STAYS: readonly Stays[] = [null, 0, null, 3, null, 200, null, null, 1, null];
/** Of the last requests; some were not waited for, and an idle connection to Postgres closes after 10 seconds. */
const SETTLES_MS = 30_000;
/** They succeed where a cleanup or a subscription has failed. */
const NOTHING_FAILED = /cleanup|parked.*retry$/;

let home: ServiceHome;
let service: ServiceProcess;
let api: AdminApi;
beforeAll(async () => {
  home = await ServiceHome.make();
  service = await home.start(COUNTED);
  api = await AdminApi.at(service.url);
});
afterAll(() => home?.close());

test(
  'after every request of the API, many times, nothing more is alive than after the first of them',
  async () => {
    const routes = await routesOf(api);
    const callers = new Callers(service.url);
    // While the log is short. Their number beside each other would only have them refused.
    const [readers, others] = [routes.filter(({ readsLog }) => readsLog), routes.filter(({ readsLog }) => !readsLog)];
    const groups = ONE_BY_ONE ? [...readers, ...others].map((route) => [route]) : [routes];
    for (const group of groups) {
      await ask(callers, group, FIRST);
      const before = await settled();
      await ask(callers, group, ALL - FIRST);
      const names = group.length === 1 ? group[0]?.name : 'all';
      expect({ names, more: await moreIn(before) }).toEqual({ names, more: {} });
    }
    // Requests that are all refused would show little. A lease has one sync at a time: beside the others all of a kind
    // may be refused, alone none is.
    const refused = routes.filter(({ name }) => !NOTHING_FAILED.test(name) && !succeeded(callers, name));
    for (const route of refused) await ask(callers, [route], 1);
    expect(refused.filter(({ name }) => !succeeded(callers, name))).toEqual([]);
    expect([...callers.answered.keys()].filter((key) => / 5\d\d$/.test(key))).toEqual([]);
    expect(service.output).not.toContain('MaxListenersExceededWarning');
  },
  grown(120_000, 4 * 3_600_000),
);

async function ask(callers: Callers, routes: readonly Route[], times: number): Promise<void> {
  for (let done = 0; done < times; done += OF_ONE_WORLD) {
    const world = await makeWorld(api);
    const each = Math.min(OF_ONE_WORLD, times - done);
    await callers.all(each * routes.length, async (index) => {
      const route = routes[index % routes.length] as Route;
      const turn = Math.floor(index / routes.length);
      return { name: route.name, asked: await route.request(world), stays: STAYS[turn % STAYS.length] ?? null };
    });
    await endWorld(api, world);
  }
}

function succeeded({ answered }: Callers, name: string): boolean {
  return [...answered.keys()].some((key) => key.startsWith(`${name} 2`));
}

/** Once what was not waited for is over. */
async function settled(): Promise<Alive> {
  for (let last = await aliveIn(service); ;) {
    await pause(500);
    const now = await aliveIn(service);
    if (Object.keys(moreThan(now, last, MIB, OBJECTS / 2)).length === 0) return now;
    last = now;
  }
}

async function moreIn(before: Alive): Promise<Record<string, number>> {
  for (const until = performance.now() + SETTLES_MS; ;) {
    const more = moreThan(before, await aliveIn(service), 5 * MIB, OBJECTS);
    if (Object.keys(more).length === 0 || performance.now() > until) return more;
    await pause(500);
  }
}
