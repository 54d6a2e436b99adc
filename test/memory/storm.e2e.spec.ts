import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { aliveIn, COUNTED, moreThan, type Alive } from '../support/alive.js';
import { leave } from '../support/leave.js';
import { ServiceHome, type ServiceProcess } from '../support/service.js';
import { gone, unusedSeconds } from '../support/sleeping.js';
import { grown } from '../support/soak.js';
import { AdminApi, makeWorld, type World } from './world.js';

/** Until what the service keeps of late, such as recent events, is full. */
const FIRST = grown(40, 2_000);
const CONNECTIONS = grown(140, 4_200);
const AT_ONCE = 200;
const MIB = 1024 * 1024;
/** Fewer than those of a kind that stay long enough to be served; connections to Postgres come and go. */
const OBJECTS = grown(10, 60);
/** The caches of leases fill up by half a megabyte with 700 connections; a stream that stays would be ten times that. */
const BYTES = grown(5, 12) * MIB;
const SETTLES_MS = 60_000;
const LEAVES_AFTER_MS = [0, 1, 3, 200];

let home: ServiceHome;
let service: ServiceProcess;
let api: AdminApi;
let world: World;
beforeAll(async () => {
  home = await ServiceHome.make();
  service = await home.start(COUNTED);
  api = await AdminApi.at(service.url);
  world = await makeWorld(api);
});
afterAll(() => home?.close());

test(
  'a storm of connections leaves no stream, command or timer behind',
  async () => {
    const mark = unusedSeconds();
    await storm(FIRST, mark);
    await over(mark);
    const before = await aliveIn(service);
    await storm(CONNECTIONS, mark);
    await over(mark);
    expect(service.output).not.toContain('MaxListenersExceededWarning');
    const until = performance.now() + SETTLES_MS;
    let more = moreIn(before, await aliveIn(service));
    while (Object.keys(more).length > 0 && performance.now() < until) {
      await pause(500);
      more = moreIn(before, await aliveIn(service));
    }
    expect(more).toEqual({});
  },
  grown(120_000, 1_200_000),
);

async function storm(connections: number, mark: string): Promise<void> {
  const { companyId, sandboxLeaseId, localLeaseId, boxId, runId } = world;
  const command = { command: 'sleep', args: [mark] };
  const acquire = { environmentId: boxId, heartbeatRunId: runId };
  const stream = ['GET', `/api/companies/${companyId}/events/stream?after=0`, {}, null] as const;
  const kinds = [
    stream,
    ['POST', `/api/environment-leases/${sandboxLeaseId}/execute`, {}, command],
    ['POST', `/api/environment-leases/${sandboxLeaseId}/execute`, { accept: 'text/event-stream' }, command],
    stream,
    ['POST', `/api/companies/${companyId}/leases`, { prefer: 'wait=60' }, acquire],
    stream,
    ['GET', `/api/environment-leases/${localLeaseId}/bundle`, {}, null],
  ] as const;
  for (let begun = 0; begun < connections; begun += AT_ONCE) {
    const each = Array.from({ length: Math.min(AT_ONCE, connections - begun) }, (_, at) => {
      const [method, path, headers, wish] = kinds[at % kinds.length] ?? kinds[0];
      const body = wish === null ? '' : JSON.stringify(wish);
      const options = {
        method,
        headers: {
          ...headers,
          ...(wish !== null && { 'content-type': 'application/json' }),
          authorization: `Bearer ${api.token}`,
          'content-length': Buffer.byteLength(body),
        },
      };
      return leave(service.url + path, options, body, LEAVES_AFTER_MS[Math.floor(at / kinds.length) % 4] ?? 0);
    });
    await Promise.all(each);
  }
}

/** Resolves once no command runs, none is under way in the log, and no lease waits or is held but those of the world. */
async function over(mark: string): Promise<void> {
  await gone(mark);
  while ((await openExecutions()) > 0) await pause(50);
  for (;;) {
    await api.releaseRun(world.companyId, world.runId);
    const leases = await api.everyLease(world.companyId);
    const held = leases.filter(({ status, cleanupStatus }) => status === 'active' || !isOver(status, cleanupStatus));
    if (held.length <= 2) return;
    await pause(50);
  }
}

function isOver(status: string, cleanupStatus: string | null): boolean {
  return ['released', 'expired', 'failed'].includes(status) && (cleanupStatus === null || cleanupStatus === 'success');
}

async function openExecutions(): Promise<number> {
  let open = 0;
  for (let after = '0'; ;) {
    const path = `/api/companies/${world.companyId}/events?limit=1000&after=${after}`;
    const page = await api.expect<{ items: { type: string }[]; nextCursor: string }>(200, 'GET', path);
    const count = (name: RegExp): number => page.items.filter(({ type }) => name.test(type)).length;
    open += count(/^ExecutionStarted$/) - count(/^Execution(Finished|Failed)$/);
    if (page.nextCursor === after) return open;
    after = page.nextCursor;
  }
}

function moreIn(before: Alive, now: Alive): Record<string, number> {
  const count = (all: readonly string[], type: string): number => all.filter((one) => one === type).length;
  const keepIt = [...new Set(now.resources)].map((type): [string, number] => {
    return [type, count(now.resources, type) - count(before.resources, type)];
  });
  return {
    ...moreThan(before, now, BYTES, OBJECTS),
    ...Object.fromEntries(keepIt.filter(([, more]) => more > OBJECTS)),
  };
}
