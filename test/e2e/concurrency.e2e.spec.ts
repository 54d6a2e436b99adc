import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Environment } from '../../src/domain/environments/state.js';
import type { Problem } from '../../src/platform/http/problem.js';
import type { Acquired, Api } from '../support/api.js';
import { connectionUrl, createTestDatabase, type TestDatabase } from '../support/database.js';
import { expectSoundLog, Witness } from '../support/fold-of-log.js';
import { ServiceHome, type ServiceProcess } from '../support/service.js';
import { grown } from '../support/soak.js';

const FIFTY = 50;
/** What is tried again each time: an environment that ends while it is wanted, changes of one version, reads elsewhere. */
const [ENDINGS, CONFLICTS, READS] = [grown(3, 6), grown(4, 10), grown(6, 20)];

/** What a problem tells beside its HTTP status, a name that environments have too. */
type Refusal = Omit<Problem, 'status'>;

let home: ServiceHome;
let database: TestDatabase;
let witness: Witness;
let first: ServiceProcess;
const start = (): Promise<ServiceProcess> => home.start({ DATABASE_URL: connectionUrl(database.connection) });
beforeAll(async () => {
  [home, database] = await Promise.all([ServiceHome.empty(), createTestDatabase()]);
  first = await start();
  witness = await Witness.of(database.connection);
});
afterAll(async () => {
  await witness?.close();
  await home?.close();
  await database?.drop();
});

/** Each test is run against one process, and against two on one database whose callers take turns. */
describe.each([1, 2])('callers at once, of %i processes', (processes) => {
  let others: ServiceProcess[] = [];
  let apis: Api[];
  beforeAll(async () => {
    others = await Promise.all(Array.from({ length: processes - 1 }, start));
    apis = [first, ...others].map(({ api }) => api);
  });
  afterAll(() => Promise.all(others.map((service) => service.interrupt())));

  const caller = (index: number): Api => apis[index % apis.length] as Api;

  function atOnce<T>(count: number, call: (api: Api, index: number) => Promise<T>): Promise<T[]> {
    return Promise.all(Array.from({ length: count }, (_unused, index) => call(caller(index), index)));
  }

  test('fifty that release one run release each of its leases once between them', async () => {
    const [companyId, runId] = [randomUUID(), randomUUID()];
    const sandbox = await caller(0).createSandbox(companyId);
    const acquired = await atOnce(10, (api, index) =>
      api.acquire(companyId, { heartbeatRunId: runId, environmentId: index % 2 === 0 ? sandbox.id : null }),
    );
    const answers = await atOnce(FIFTY, (api) => api.releaseRun(companyId, runId));
    expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
    const released = answers.flatMap((answer) => answer.released.map(({ lease }) => lease));
    expect(released.map(({ id }) => id).sort()).toEqual(acquired.map(({ lease }) => lease.id).sort());
    expect(new Set(released.map(({ status }) => status))).toEqual(new Set(['released']));

    const ids = new Set(released.map(({ id }) => `lease-${id}`));
    const endings = (await witness.events()).filter(({ type, stream }) => type === 'LeaseReleased' && ids.has(stream));
    expect(endings).toHaveLength(acquired.length);
  });

  test('fifty that release one lease all get it as it ended', async () => {
    const { lease } = await caller(0).acquire(randomUUID());
    const answers = await atOnce(FIFTY, (api) => api.release(lease.id));
    const [first] = answers as [Acquired];
    expect(first.lease.status).toBe('released');
    for (const answer of answers) expect(answer.lease).toStrictEqual(first.lease);
    const events = (await witness.events()).filter(({ stream }) => stream === `lease-${lease.id}`);
    expect(events.filter(({ type }) => type === 'LeaseReleased')).toHaveLength(1);
  });

  test('fifty acquires with one key make one lease, and all get the same answer', async () => {
    const companyId = randomUUID();
    const wish = { heartbeatRunId: randomUUID() };
    const headers = { 'Idempotency-Key': randomUUID() };
    const answers = await atOnce(FIFTY, (api) => api.acquire(companyId, wish, headers));
    for (const answer of answers) expect(answer).toStrictEqual(answers[0]);
    const { items } = await caller(0).leases(companyId, '', atLeast(answers));
    expect(items).toStrictEqual([answers[0]?.lease]);
    expect(await countOf('LeaseRequested', companyId)).toBe(1);
  });

  test('fifty with one key and two bodies: one body wins, the others are told that the key was used', async () => {
    const companyId = randomUUID();
    const runs = [randomUUID(), randomUUID()];
    const headers = { 'Idempotency-Key': randomUUID() };
    const answers = await atOnce(FIFTY, (api, index) =>
      api.send<Acquired & Problem>(
        'POST',
        `/api/companies/${companyId}/leases`,
        { heartbeatRunId: runs[index % 3 === 0 ? 0 : 1] },
        headers,
      ),
    );
    const winners = answers.filter(({ status }) => status === 201);
    const others = answers.filter(({ status }) => status !== 201);
    expect(new Set(winners.map(({ body }) => body.lease.id)).size).toBe(1);
    expect(new Set(winners.map(({ body }) => body.lease.heartbeatRunId)).size).toBe(1);
    expect(new Set(others.map(({ status, body }) => `${status} ${body.code}`))).toEqual(
      new Set(['409 idempotency_key_reused']),
    );
    expect(await countOf('LeaseRequested', companyId)).toBe(1);
  });

  test('fifty first acquires of a company make one default local environment', async () => {
    const companyId = randomUUID();
    const answers = await atOnce(FIFTY, (api) => api.acquire(companyId));
    expect(new Set(answers.map(({ lease }) => lease.id)).size).toBe(FIFTY);
    expect(new Set(answers.map(({ environment }) => environment.id)).size).toBe(1);
    const environments = await caller(0).environments(companyId, '', atLeast(answers));
    expect(environments).toStrictEqual([answers[0]?.environment]);
    expect(environments[0]?.metadata).toEqual({ managed: true, default: true });
    expect(await countOf('EnvironmentCreated', companyId)).toBe(1);
  });

  test('fifty that create a local environment: one does, the others are told which one there is', async () => {
    const companyId = randomUUID();
    const answers = await atOnce(FIFTY, (api) =>
      api.send<Environment & Refusal>('POST', `/api/companies/${companyId}/environments`, {
        name: 'Mine',
        driver: 'local',
      }),
    );
    const made = answers.filter(({ status }) => status === 201);
    expect(made).toHaveLength(1);
    for (const { status, body } of answers.filter(({ status }) => status !== 201)) {
      expect({ status, code: body.code, id: body.environmentId }).toEqual({
        status: 409,
        code: 'local_environment_exists',
        id: made[0]?.body.id,
      });
    }
  });

  test.each([
    { way: 'archiving', status: 409, code: 'environment_inactive' },
    { way: 'cordoning', status: 409, code: 'environment_cordoned' },
    { way: 'deleting', status: 404, code: 'environment_not_found' },
  ] as const)(
    'acquiring while somebody is $way the environment: none is held after it',
    async ({ way, status, code }) => {
      const companyId = randomUUID();
      let acquired = 0;
      for (let round = 0; round < ENDINGS; round += 1) {
        const { id, position } = await caller(0).createSandbox(companyId);
        const [, refusals] = await Promise.all([
          sleep(round * 15).then(() => end(caller(round), id, way)),
          atOnce(4, async (api) => {
            for (let tries = 0; tries < 300; tries += 1) {
              const { status, body } = await api.send<Acquired & Problem>(
                'POST',
                `/api/companies/${companyId}/leases`,
                {
                  environmentId: id,
                },
              );
              if (status !== 201) return { status, code: body.code };
              acquired += 1;
              await api.release(body.lease.id);
              // Somebody who deletes must find a moment in which nobody holds it.
              await sleep(Math.random() * 30);
            }
            return null;
          }),
        ]);
        expect(new Set(refusals.map((refusal) => JSON.stringify(refusal)))).toEqual(
          new Set([JSON.stringify({ status, code })]),
        );

        const events = await witness.events(position);
        const ended = events.findIndex((event) => event.stream === `environment-${id}`);
        const requests = events.filter(({ type, data }) => type === 'LeaseRequested' && has(data, id));
        expect(requests.filter((request) => request.position > (events[ended]?.position ?? 0))).toEqual([]);
        if (way !== 'deleting') continue;
        const released = events.slice(0, ended).filter(({ type }) => type === 'LeaseReleased');
        const held = requests.filter(({ stream }) => !released.some((release) => release.stream === stream));
        expect(held).toEqual([]);
      }
      expect(acquired).toBeGreaterThan(0);
    },
  );

  test('of two changes that were meant for one version, one is made and the other is told of the conflict', async () => {
    for (let round = 0; round < CONFLICTS; round += 1) {
      const { id, version } = await caller(0).createSandbox(randomUUID());
      const answers = await atOnce(2, (api, index) =>
        api.send<Environment & Refusal>(
          'PATCH',
          `/api/environments/${id}`,
          { name: `Name ${index}` },
          { 'If-Match': `"${version}"` },
        ),
      );
      const won = answers.filter(({ status }) => status === 200);
      const lost = answers.filter(({ status }) => status !== 200);
      expect([won.length, lost.length]).toEqual([1, 1]);
      expect(lost[0]).toMatchObject({ status: 409, body: { code: 'version_conflict', actualVersion: version + 1 } });
      const now = await caller(0).environment(id, atLeast(won.map(({ body }) => body)));
      expect(now).toStrictEqual(won[0]?.body);
    }
  });

  test('changes of one environment at once that are meant for any version are all made', async () => {
    const { id, version } = await caller(0).createSandbox(randomUUID());
    const changed = await atOnce(FIFTY, (api, index) => api.patchEnvironment(id, { description: `by ${index}` }));
    expect(changed.map((environment) => environment.version).sort((a, b) => a - b)).toEqual(
      Array.from({ length: FIFTY }, (_unused, index) => version + 1 + index),
    );
  });

  test('what was written through one process is read through the other from its position on', async () => {
    const [writer, reader] = [caller(0), caller(1)];
    const companyId = randomUUID();
    for (let round = 0; round < READS; round += 1) {
      const { lease, position } = await writer.acquire(companyId);
      expect(await reader.lease(lease.id, { 'X-Min-Position': String(position) })).toStrictEqual(lease);
      const ended = await writer.release(lease.id);
      const { items } = await reader.leases(companyId, '?limit=1', { 'X-Min-Position': String(ended.position) });
      expect(items).toStrictEqual([ended.lease]);
    }
    const ahead = { 'X-Min-Position': String((await witness.head()) + 1000) };
    expect(await reader.problem(400, 'GET', `/api/companies/${companyId}/leases`, undefined, ahead)).toMatchObject({
      code: 'position_ahead_of_log',
    });
  });

  test('after all that, the log is sound and the read models are its fold', async () => {
    const events = await witness.events();
    expectSoundLog(events);
    for (const api of apis) {
      await api.leases(randomUUID(), '', atLeast(events));
      await api.environments(randomUUID(), '', atLeast(events));
    }
    await witness.expectTablesToBeTheFold(events);
  });

  async function countOf(type: string, companyId: string): Promise<number> {
    return (await witness.events()).filter((event) => event.type === type && event.companyId === companyId).length;
  }
});

function atLeast(written: readonly { readonly position: number }[]): Record<string, string> {
  return { 'X-Min-Position': String(Math.max(...written.map(({ position }) => position))) };
}

/** Deleting is refused as long as somebody holds a lease, and is tried again. */
async function end(api: Api, id: string, way: 'archiving' | 'cordoning' | 'deleting'): Promise<void> {
  if (way === 'cordoning') await api.expect(200, 'POST', `/api/environments/${id}/cordon`, {});
  if (way === 'archiving') await api.patchEnvironment(id, { status: 'archived' });
  while (way === 'deleting') {
    const { status, body } = await api.send<Problem | null>('DELETE', `/api/environments/${id}`);
    if (status === 200) return;
    expect({ status, code: body?.code }).toEqual({ status: 409, code: 'environment_in_use' });
    expect(body?.leaseIds?.length).toBeGreaterThan(0);
  }
}

function has(data: unknown, environmentId: string): boolean {
  return typeof data === 'object' && data !== null && 'environmentId' in data && data.environmentId === environmentId;
}
