import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Environment } from '../../src/domain/environments/state.js';
import type { LeaseJson } from '../../src/domain/leases/lease-json.js';
import { expectWholeEnvironment, expectWholeLease } from '../runtime/drivers/contract.js';
import { eventually } from '../platform/embedded/support.js';
import type { Acquired, Answer, Api, LeasePage } from '../support/api.js';
import { serve, type Service } from '../support/service.js';

let service: Service;
let api: Api;
beforeAll(async () => {
  service = await serve();
  api = service.api;
});
afterAll(() => service?.close());

/** Bare arrays, as far as `Link` leads. */
async function* pagesFrom<Item>(first: string): AsyncGenerator<Item[]> {
  for (let path: string | undefined = first; path !== undefined;) {
    const { body, headers }: Answer<Item[]> = await api.send<Item[]>('GET', path);
    yield body;
    path = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
  }
}

const FAKE = { provider: 'fake', image: 'ubuntu:24.04', reuseLease: false };

describe('environments', () => {
  test('one is made with the defaults of its driver, and a get and the list answer the same', async () => {
    const companyId = randomUUID();
    const wanted = { name: 'Box', driver: 'sandbox', config: { provider: 'fake' }, metadata: { owner: 'ops' } };
    const answer = await api.send<Environment>('POST', `/api/companies/${companyId}/environments`, wanted);
    const made = answer.body;
    expect(answer.status).toBe(201);
    expect(answer.headers.get('location')).toBe(`/api/environments/${made.id}`);
    expect(answer.headers.get('x-event-position')).toBe(String(made.position));
    expectWholeEnvironment(made);
    expect(made).toMatchObject({ ...wanted, companyId, description: null, status: 'active', config: FAKE, version: 1 });
    expect(await api.environment(made.id)).toStrictEqual(made);
    expect(await api.environment(made.id.toUpperCase())).toStrictEqual(made);
    expect(await api.environments(companyId)).toStrictEqual([made]);
  });

  test('what it asks of its leases has defaults, is stored, and can be changed', async () => {
    const companyId = randomUUID();
    const plain = await api.createSandbox(companyId);
    expect(plain).toMatchObject({ requireFence: false, provisioningTimeoutSeconds: 3600 });
    const strict = { requireFence: true, provisioningTimeoutSeconds: 90 };
    const sandbox = { name: 'Box', driver: 'sandbox', config: { provider: 'fake' } };
    const made = await api.createEnvironment(companyId, { ...sandbox, ...strict });
    expect(made).toMatchObject(strict);
    expect(await api.environments(companyId)).toStrictEqual([plain, made]);
    const changed = await api.patchEnvironment(made.id, { requireFence: false });
    expect(changed).toMatchObject({ requireFence: false, provisioningTimeoutSeconds: 90, version: made.version + 1 });
    expect(await api.environment(made.id)).toStrictEqual(changed);
  });

  test('the list is of one company, oldest first, by status and by driver', async () => {
    const companyId = randomUUID();
    const local = await api.createEnvironment(companyId, { name: 'Local', driver: 'local' });
    const first = await api.createSandbox(companyId);
    const second = await api.patchEnvironment((await api.createSandbox(companyId)).id, { status: 'archived' });
    await api.createSandbox(randomUUID());
    expect(await api.environments(companyId)).toStrictEqual([local, first, second]);
    expect(await api.environments(companyId, '?driver=sandbox')).toStrictEqual([first, second]);
    expect(await api.environments(companyId, '?status=archived')).toStrictEqual([second]);
    expect(await api.environments(companyId, '?driver=sandbox&status=active')).toStrictEqual([first]);
    expect(await api.environments(companyId, '?driver=plugin')).toStrictEqual([]);
    expect(await api.environments(randomUUID())).toStrictEqual([]);
  });

  test('G9: Link leads on where there are more, with the same filter, as they are and as they were', async () => {
    const companyId = randomUUID();
    const list = `/api/companies/${companyId}/environments`;
    const made: Environment[] = [];
    for (let environment = 0; environment < 8; environment += 1) made.push(await api.createSandbox(companyId));
    const whole = await api.send<Environment[]>('GET', list);
    expect(whole.body).toStrictEqual(made);
    expect(whole.headers.get('link')).toBeNull();
    expect((await api.send('GET', `${list}?limit=8`)).headers.get('link')).toBeNull();

    const then = made.at(-1)?.position;
    const archived = await api.patchEnvironment(made[3]?.id ?? '', { status: 'archived' });
    const pages: Environment[][] = [];
    for await (const page of pagesFrom<Environment>(`${list}?limit=3&status=active`)) {
      // Neither what comes meanwhile nor the end of what the cursor names makes gaps or doubles.
      if (pages.push(page) > 1) continue;
      await api.deleteEnvironment(made[2]?.id ?? '');
      made.push(await api.createSandbox(companyId));
    }
    expect(pages.flat()).toStrictEqual(made.filter(({ id }) => id !== archived.id));
    expect(pages.map((page) => page.length)).toEqual([3, 3, 2]);

    const were: Environment[][] = [];
    for await (const page of pagesFrom<Environment>(`${list}?limit=3&at=${then}`)) were.push(page);
    expect(were).toStrictEqual([made.slice(0, 3), made.slice(3, 6), made.slice(6, 8)]);
  });

  test('G9: a cursor of another company is refused like one that is none', async () => {
    const other = await api.createSandbox(randomUUID());
    const companyId = randomUUID();
    await api.createSandbox(companyId);
    for (const query of [`cursor=${other.id}`, `cursor=${randomUUID()}`, `at=${other.position}&cursor=${other.id}`]) {
      const { status, body } = await api.send('GET', `/api/companies/${companyId}/environments?${query}`);
      expect({ status, body }).toMatchObject({
        status: 400,
        body: {
          code: 'validation_failed',
          errors: [{ field: 'cursor', message: 'must be a cursor from this service' }],
        },
      });
    }
  });

  test('a patch changes what it names; its config is merged over the old one', async () => {
    const made = await api.createSandbox(randomUUID(), { image: 'debian:12', reuseLease: true });
    const patch = { name: 'Renamed', description: 'why', config: { image: 'alpine:3' }, metadata: { a: 1 } };
    const changed = await api.patchEnvironment(made.id, patch);
    expect(changed).toEqual({
      ...made,
      ...patch,
      config: { provider: 'fake', image: 'alpine:3', reuseLease: true },
      version: made.version + 1,
      position: changed.position,
      updatedAt: changed.updatedAt,
    });
    expect(await api.environment(made.id)).toStrictEqual(changed);
    const emptied = await api.patchEnvironment(made.id, { description: null, metadata: null });
    expect(emptied).toMatchObject({ description: null, metadata: null, name: 'Renamed' });
  });

  test('a patch that changes nothing leaves the version as it is', async () => {
    const made = await api.createSandbox(randomUUID());
    expect(await api.patchEnvironment(made.id, {})).toStrictEqual(made);
    expect(await api.patchEnvironment(made.id, { name: made.name, config: { image: FAKE.image } })).toStrictEqual(made);
  });

  test('where the driver changes, nothing of the old config is inherited', async () => {
    const companyId = randomUUID();
    const local = await api.createEnvironment(companyId, {
      name: 'L',
      driver: 'local',
      config: { token: 'of the old' },
    });
    const sandbox = await api.patchEnvironment(local.id, { driver: 'sandbox', config: { provider: 'fake' } });
    expect(sandbox.config).toStrictEqual(FAKE);
    const localAgain = await api.patchEnvironment(local.id, { driver: 'local' });
    expect(localAgain).toMatchObject({ driver: 'local', config: {} });
  });

  test('an archived one gives no leases until it is active again', async () => {
    const companyId = randomUUID();
    const { id } = await api.createSandbox(companyId);
    const { lease } = await api.acquire(companyId, { environmentId: id });
    expect((await api.patchEnvironment(id, { status: 'archived' })).status).toBe('archived');
    const path = `/api/companies/${companyId}/leases`;
    expect(await api.problem(409, 'POST', path, { environmentId: id })).toMatchObject({ code: 'environment_inactive' });
    expect((await api.release(lease.id)).lease.status).toBe('released');
    await api.patchEnvironment(id, { status: 'active' });
    expect((await api.acquire(companyId, { environmentId: id })).lease.status).toBe('active');
  });

  test('a company has one local environment at the most, until that is deleted or is local no more', async () => {
    const companyId = randomUUID();
    const create = (): Promise<Environment> => api.createEnvironment(companyId, { name: 'L', driver: 'local' });
    const path = `/api/companies/${companyId}/environments`;
    const first = await create();
    const refused = { code: 'local_environment_exists', environmentId: first.id };
    expect(await api.problem(409, 'POST', path, { name: 'L', driver: 'local' })).toMatchObject(refused);
    const sandbox = await api.createSandbox(companyId);
    expect(await api.problem(409, 'PATCH', `/api/environments/${sandbox.id}`, { driver: 'local' })).toMatchObject(
      refused,
    );
    expect((await api.acquire(companyId)).environment.id).toBe(first.id);

    await api.patchEnvironment(first.id, { driver: 'sandbox', config: { provider: 'fake' } });
    const second = await create();
    await api.deleteEnvironment(second.id);
    const third = await create();
    expect((await api.acquire(companyId)).environment.id).toBe(third.id);
  });

  test('one with unfinished leases is not deleted, and they are named', async () => {
    const companyId = randomUUID();
    const { id } = await api.createSandbox(companyId);
    const leases = [
      await api.acquire(companyId, { environmentId: id }),
      await api.acquire(companyId, { environmentId: id }),
    ];
    const ids = leases.map(({ lease }) => lease.id).sort();
    const problem = await api.problem(409, 'DELETE', `/api/environments/${id}`);
    expect(problem.code).toBe('environment_in_use');
    expect([...(problem.leaseIds ?? [])].sort()).toEqual(ids);
    expect((await api.environment(id)).status).toBe('active');
  });

  test('a deleted one is gone for gets, lists and new leases; its leases are still there', async () => {
    const companyId = randomUUID();
    const { id } = await api.createSandbox(companyId);
    const { lease } = await api.acquire(companyId, { environmentId: id });
    const { lease: ended } = await api.release(lease.id);
    await api.deleteEnvironment(id);
    const gone = { code: 'environment_not_found' };
    expect(await api.problem(404, 'GET', `/api/environments/${id}`)).toMatchObject(gone);
    expect(await api.problem(404, 'PATCH', `/api/environments/${id}`, { name: 'x' })).toMatchObject(gone);
    expect(await api.problem(404, 'DELETE', `/api/environments/${id}`)).toMatchObject(gone);
    expect(await api.problem(404, 'POST', `/api/companies/${companyId}/leases`, { environmentId: id })).toMatchObject(
      gone,
    );
    expect(await api.environments(companyId)).toEqual([]);
    expect(await api.lease(lease.id)).toStrictEqual(ended);
    expect(await api.expect(200, 'GET', `/api/environments/${id}/leases`)).toStrictEqual([ended]);
    expect((await api.leases(companyId)).items).toStrictEqual([ended]);
  });

  test('If-Match: the version that was read, quoted or not, or any', async () => {
    const { id } = await api.createSandbox(randomUUID());
    expect((await api.patchEnvironment(id, { name: 'a' }, { 'If-Match': '"1"' })).version).toBe(2);
    expect((await api.patchEnvironment(id, { name: 'b' }, { 'If-Match': '2' })).version).toBe(3);
    expect((await api.patchEnvironment(id, { name: 'c' }, { 'If-Match': '*' })).version).toBe(4);
    const conflict = { code: 'version_conflict', actualVersion: 4 };
    const stale = { 'If-Match': '"3"' };
    expect(await api.problem(409, 'PATCH', `/api/environments/${id}`, { name: 'd' }, stale)).toMatchObject(conflict);
    expect(await api.problem(409, 'DELETE', `/api/environments/${id}`, undefined, stale)).toMatchObject(conflict);
    await api.deleteEnvironment(id, { 'If-Match': '"4"' });
  });
});

describe('leases', () => {
  test('without an environment it is of the company’s local one, made on first use and marked as such', async () => {
    const companyId = randomUUID();
    const answer = await api.send<Acquired>('POST', `/api/companies/${companyId}/leases`, {});
    const { environment, lease, position } = answer.body;
    expect(answer.status).toBe(201);
    expect(answer.headers.get('location')).toBe(`/api/environment-leases/${lease.id}`);
    expect(answer.headers.get('x-event-position')).toBe(String(position));
    expectWholeLease(lease);
    expect(environment).toMatchObject({ driver: 'local', metadata: { managed: true, default: true } });
    expect((await api.acquire(companyId)).environment).toStrictEqual(environment);
    expect(await api.environments(companyId)).toStrictEqual([environment]);
  });

  test('an environment of another company is not found', async () => {
    const { id } = await api.createSandbox(randomUUID());
    const path = `/api/companies/${randomUUID()}/leases`;
    expect(await api.problem(404, 'POST', path, { environmentId: id })).toMatchObject({
      code: 'environment_not_found',
    });
  });

  test('an adapter that does not run there is refused', async () => {
    const companyId = randomUUID();
    const { id: environmentId } = await api.createSandbox(companyId);
    const wish = { environmentId, adapterType: 'process' };
    const code = 'unsupported_adapter_environment';
    expect(await api.problem(422, 'POST', `/api/companies/${companyId}/leases`, wish)).toMatchObject({ code });
    await api.acquire(companyId, { environmentId, adapterType: 'codex_local' });
    await api.acquire(companyId, { adapterType: 'process' });
  });

  test.each([
    ['ephemeral', {}, 'released', 'released_by_caller', null],
    ['ephemeral', { status: 'released', failureReason: 'said' }, 'released', 'released_by_caller', 'said'],
    ['ephemeral', { status: 'expired' }, 'expired', 'expired_by_caller', null],
    ['ephemeral', { status: 'failed' }, 'failed', 'adapter_or_run_failure', 'adapter_or_run_failure'],
    ['ephemeral', { status: 'failed', failureReason: 'exit 137' }, 'failed', 'adapter_or_run_failure', 'exit 137'],
    ['retain_on_failure', { status: 'released' }, 'released', 'released_by_caller', null],
    ['retain_on_failure', { status: 'expired' }, 'expired', 'expired_by_caller', null],
    ['retain_on_failure', { status: 'failed' }, 'retained', 'adapter_or_run_failure', 'adapter_or_run_failure'],
  ])('a %s lease released with %j ends %s', async (leasePolicy, wish, status, reasonCode, failureReason) => {
    const companyId = randomUUID();
    const runId = randomUUID();
    const { id: environmentId } = await api.createSandbox(companyId);
    const one = await api.acquire(companyId, { environmentId, leasePolicy });
    const two = await api.acquire(companyId, { environmentId, leasePolicy, heartbeatRunId: runId });
    const ended = (await api.release(one.lease.id, wish)).lease;
    const { released } = await api.releaseRun(companyId, runId, wish);
    expect(released.map(({ lease }) => lease.id)).toEqual([two.lease.id]);
    for (const lease of [ended, released[0]?.lease as LeaseJson]) {
      expect(lease).toMatchObject({ status, reasonCode, failureReason });
      expect(lease.releasedAt).toBe(status === 'retained' ? null : lease.updatedAt);
      expect(lease.cleanupStatus).toBe(status === 'retained' ? null : 'success');
      expect(await api.lease(lease.id)).toStrictEqual(lease);
    }
    // What has ended stays as it ended.
    expect((await api.release(one.lease.id, { status: 'failed' })).lease).toStrictEqual(ended);
  });

  test('releasing a run concerns its leases of that company, and no others', async () => {
    const [companyId, runId] = [randomUUID(), randomUUID()];
    const mine = [
      await api.acquire(companyId, { heartbeatRunId: runId }),
      await api.acquire(companyId, { heartbeatRunId: runId }),
    ];
    await api.release(mine[0]!.lease.id);
    const others = [
      await api.acquire(companyId, { heartbeatRunId: randomUUID() }),
      await api.acquire(companyId),
      await api.acquire(randomUUID(), { heartbeatRunId: runId }),
    ];
    const { released } = await api.releaseRun(companyId, runId);
    expect(released.map(({ lease }) => lease.id)).toEqual([mine[1]!.lease.id]);
    for (const { lease } of others) expect(await api.lease(lease.id)).toStrictEqual(lease);
  });

  test('leases whose ttlSeconds, idleTtlSeconds or maxTtlSeconds have passed expire by themselves, and say so', async () => {
    const expires = async (limit: string, reasonCode: string): Promise<void> => {
      const companyId = randomUUID();
      const { id: environmentId } = await api.createSandbox(companyId);
      const { lease } = await api.acquire(companyId, { environmentId, ttlSeconds: 60, [limit]: 1 });
      const lasting = await api.acquire(companyId, { environmentId, ttlSeconds: 600 });
      const ended = await eventually(async () => {
        const now = await api.lease(lease.id);
        expect(now.status).toBe('expired');
        return now;
      });
      expect(ended).toMatchObject({
        reasonCode,
        failureReason: null,
        cleanupStatus: 'success',
        expiresAt: lease.expiresAt,
      });
      expect(Date.parse(ended.releasedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(lease.expiresAt ?? ''));
      expect(await api.lease(lasting.lease.id)).toStrictEqual(lasting.lease);
      await api.release(lasting.lease.id);
    };
    await Promise.all([
      expires('ttlSeconds', 'ttl_elapsed'),
      expires('idleTtlSeconds', 'idle_ttl_elapsed'),
      expires('maxTtlSeconds', 'max_ttl_elapsed'),
    ]);
  });

  test('the list has every filter, alone and together', async () => {
    const companyId = randomUUID();
    const { id: environmentId } = await api.createSandbox(companyId);
    const ids = { heartbeatRunId: randomUUID(), issueId: randomUUID(), executionWorkspaceId: randomUUID() };
    const plain = (await api.acquire(companyId)).lease;
    const inBox = (await api.acquire(companyId, { environmentId })).lease;
    const marked = (await api.acquire(companyId, { environmentId, ...ids })).lease;
    const ended = (await api.release(inBox.id)).lease;
    const listed = async (query: string): Promise<LeaseJson[]> => (await api.leases(companyId, query)).items;
    expect(await listed('')).toStrictEqual([marked, ended, plain]);
    expect(await listed(`?environmentId=${environmentId}`)).toStrictEqual([marked, ended]);
    expect(await listed(`?environmentId=${environmentId.toUpperCase()}&status=active`)).toStrictEqual([marked]);
    for (const [name, value] of Object.entries(ids)) expect(await listed(`?${name}=${value}`)).toStrictEqual([marked]);
    expect(await listed('?status=released')).toStrictEqual([ended]);
    expect(await listed('?status=active&status=released')).toStrictEqual([marked, ended, plain]);
    expect(await listed(`?status=failed`)).toStrictEqual([]);
    expect(await listed(`?issueId=${randomUUID()}`)).toStrictEqual([]);
    expect((await api.leases(randomUUID())).items).toStrictEqual([]);
  });

  test('pages are complete and without doubles while leases come', async () => {
    const companyId = randomUUID();
    const before: string[] = [];
    for (let made = 0; made < 23; made += 1) before.unshift((await api.acquire(companyId)).lease.id);
    const paged: string[] = [];
    const sizes: number[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: LeasePage = await api.leases(companyId, `?limit=5${cursor === '' ? '' : `&cursor=${cursor}`}`);
      paged.push(...page.items.map(({ id }) => id));
      sizes.push(page.items.length);
      cursor = page.nextCursor;
      await api.acquire(companyId);
    }
    expect(paged).toEqual(before);
    expect(sizes).toEqual([5, 5, 5, 5, 3]);
  });

  test('the leases of an environment are a bare array; Link leads on where there are more, with the same filter', async () => {
    const companyId = randomUUID();
    const { id } = await api.createSandbox(companyId);
    const made: string[] = [];
    for (let lease = 0; lease < 7; lease += 1)
      made.unshift((await api.acquire(companyId, { environmentId: id })).lease.id);
    await api.release((await api.acquire(companyId, { environmentId: id })).lease.id);
    const all = await api.send<LeaseJson[]>('GET', `/api/environments/${id}/leases`);
    expect(all.body).toHaveLength(8);
    expect(all.headers.get('link')).toBeNull();

    const paged: string[] = [];
    const pages: number[] = [];
    for await (const page of pagesFrom<LeaseJson>(`/api/environments/${id}/leases?limit=3&status=active`)) {
      paged.push(...page.map((lease) => lease.id));
      pages.push(page.length);
    }
    expect(paged).toEqual(made);
    expect(pages).toEqual([3, 3, 1]);
  });
});

test('every command answers with the position of its last event, in the body and in a header', async () => {
  const [companyId, runId] = [randomUUID(), randomUUID()];
  const positions: number[] = [];
  const command = async (method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<Acquired> => {
    const { status, headers, body: answer } = await api.send<Acquired>(method, path, body);
    expect(status).toBeLessThan(300);
    expect(headers.get('x-event-position')).toBe(String(answer.position));
    positions.push(answer.position);
    return answer;
  };
  const leases = `/api/companies/${companyId}/leases`;
  const release = `/api/companies/${companyId}/heartbeat-runs/${runId}/release-leases`;
  const made = await api.createSandbox(companyId);
  await command('PATCH', `/api/environments/${made.id}`, { name: 'Another' });
  const { lease } = await command('POST', leases, { environmentId: made.id });
  await command('POST', `/api/environment-leases/${lease.id}/release`, {});
  await command('POST', leases, { environmentId: made.id, heartbeatRunId: runId });
  await command('POST', release, {});
  await command('DELETE', `/api/environments/${made.id}`);
  await command('POST', `/api/companies/${companyId}/environments`, { name: 'L', driver: 'local' });
  expect(positions).toEqual([...positions].sort((a, b) => a - b));
  expect(new Set(positions).size).toBe(positions.length);
  // What has nothing to do answers with what it has seen: the head of the log.
  await command('POST', release, {});
  expect(positions.at(-1)).toBeGreaterThanOrEqual(positions.at(-2) ?? 0);
});

describe('repeating a command with its key gives its first answer, whatever has happened since', () => {
  const key = (): Record<string, string> => ({ 'Idempotency-Key': randomUUID() });

  test('acquire', async () => {
    const companyId = randomUUID();
    const { id: environmentId } = await api.createSandbox(companyId);
    const headers = key();
    const path = `/api/companies/${companyId}/leases`;
    const first = await api.send<Acquired>('POST', path, { environmentId, ttlSeconds: 60 }, headers);
    await api.release(first.body.lease.id, { status: 'failed' });
    await api.patchEnvironment(environmentId, { name: 'Another name', status: 'archived' });
    const again = await api.send<Acquired>('POST', path, { ttlSeconds: 60, environmentId }, headers);
    expect(again.status).toBe(201);
    expect(again.body).toStrictEqual(first.body);
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    expect(again.headers.get('x-event-position')).toBe(first.headers.get('x-event-position'));
    await api.deleteEnvironment(environmentId);
    expect((await api.send('POST', path, { environmentId, ttlSeconds: 60 }, headers)).body).toStrictEqual(first.body);
  });

  test('release', async () => {
    const { lease } = await api.acquire(randomUUID());
    const headers = key();
    const first = await api.release(lease.id, { status: 'failed', failureReason: 'why' }, headers);
    expect(await api.release(lease.id, { status: 'failed', failureReason: 'why' }, headers)).toStrictEqual(first);
  });

  test('release of a lease that had ended already', async () => {
    const { lease } = await api.acquire(randomUUID());
    await api.release(lease.id);
    const headers = key();
    const first = await api.release(lease.id, {}, headers);
    expect(first.lease.status).toBe('released');
    await api.patchEnvironment(lease.environmentId, { name: 'Another name' });
    expect(await api.release(lease.id, {}, headers)).toStrictEqual(first);
  });

  test('release of a run', async () => {
    const [companyId, runId, headers] = [randomUUID(), randomUUID(), key()];
    await api.acquire(companyId, { heartbeatRunId: runId });
    await api.acquire(companyId, { heartbeatRunId: runId });
    const first = await api.releaseRun(companyId, runId, {}, headers);
    expect(first.released).toHaveLength(2);
    const { lease } = await api.acquire(companyId, { heartbeatRunId: runId });
    await api.patchEnvironment(lease.environmentId, { name: 'Another name' });
    expect(await api.releaseRun(companyId, runId, {}, headers)).toStrictEqual(first);
    expect((await api.lease(lease.id)).status).toBe('active');
  });

  test('release of a run that held nothing: a lease that it acquires later is not released by the repetition', async () => {
    const [companyId, runId, headers] = [randomUUID(), randomUUID(), key()];
    const first = await api.releaseRun(companyId, runId, {}, headers);
    expect(first).toMatchObject({ released: [], errors: [] });
    const { lease } = await api.acquire(companyId, { heartbeatRunId: runId });
    expect(await api.releaseRun(companyId, runId, {}, headers)).toStrictEqual(first);
    expect(await api.lease(lease.id)).toStrictEqual(lease);
  });

  test('create, patch and delete', async () => {
    const companyId = randomUUID();
    const wanted = { name: 'Box', driver: 'sandbox', config: { provider: 'fake' } };
    const [create, patch, remove] = [key(), key(), key()];
    const made = await api.createEnvironment(companyId, wanted, create);
    const changed = await api.patchEnvironment(made.id, { name: 'B' }, { ...patch, 'If-Match': '"1"' });
    expect(await api.createEnvironment(companyId, wanted, create)).toStrictEqual(made);
    await api.patchEnvironment(made.id, { name: 'C' });
    expect(await api.patchEnvironment(made.id, { name: 'B' }, { ...patch, 'If-Match': '"1"' })).toStrictEqual(changed);
    expect((await api.environment(made.id)).name).toBe('C');
    const deleted = await api.deleteEnvironment(made.id, remove);
    expect(await api.deleteEnvironment(made.id, remove)).toStrictEqual(deleted);
    expect(await api.patchEnvironment(made.id, { name: 'B' }, { ...patch, 'If-Match': '"1"' })).toStrictEqual(changed);
    expect(await api.createEnvironment(companyId, wanted, create)).toStrictEqual(made);
    expect(await api.environments(companyId)).toEqual([]);
  });

  test('a patch that changed nothing', async () => {
    const made = await api.createSandbox(randomUUID());
    const headers = key();
    expect(await api.patchEnvironment(made.id, { name: made.name }, headers)).toStrictEqual(made);
    await api.patchEnvironment(made.id, { name: 'Another name' });
    expect(await api.patchEnvironment(made.id, { name: made.name }, headers)).toStrictEqual(made);
  });

  test('keys belong to a company: another company may use the same one', async () => {
    const headers = key();
    const one = await api.acquire(randomUUID(), {}, headers);
    const other = await api.acquire(randomUUID(), {}, headers);
    expect(other.lease.id).not.toBe(one.lease.id);
  });

  test('a command that was refused may be sent again with its key once the reason is gone', async () => {
    const companyId = randomUUID();
    const { id: environmentId } = await api.createSandbox(companyId);
    const headers = key();
    await api.patchEnvironment(environmentId, { status: 'archived' });
    await api.problem(409, 'POST', `/api/companies/${companyId}/leases`, { environmentId }, headers);
    await api.patchEnvironment(environmentId, { status: 'active' });
    expect((await api.acquire(companyId, { environmentId }, headers)).lease.status).toBe('active');
  });
});

describe('operating it', () => {
  test('health and readiness', async () => {
    expect(await api.expect(200, 'GET', '/api/health')).toEqual({ status: 'ok' });
    const ok = { ok: true, detail: expect.any(String) };
    const checks = {
      ...{ database: ok, migrations: ok, projections: ok, subscriptions: ok },
      ...{ queue: ok, background: ok, shutdown: ok },
    };
    expect(await api.expect(200, 'GET', '/api/ready')).toEqual({ ready: true, checks });
  });

  test('the read models and their subscriptions are listed', async () => {
    const projections = await api.expect<{ items: object[] }>(200, 'GET', '/api/projections');
    expect(projections.items).toMatchObject([
      { name: 'environments', state: 'live', parked: 0 },
      { name: 'leases', state: 'live', parked: 0 },
      { name: 'secrets', state: 'live', parked: 0 },
    ]);
    const subscriptions = await api.expect<{ items: object[] }>(200, 'GET', '/api/subscriptions');
    expect(subscriptions.items).toMatchObject([
      { name: 'environment-failures', ownedHere: true, parked: 0, failure: null },
      { name: 'environments@1', ownedHere: true, parked: 0, failure: null },
      { name: 'leases@1', ownedHere: true, parked: 0, failure: null },
      { name: 'secrets@1', ownedHere: true, parked: 0, failure: null },
      { name: 'webhooks', ownedHere: true, parked: 0, failure: null },
    ]);
    expect(await api.expect(200, 'GET', '/api/subscriptions/leases@1/parked')).toEqual({ items: [], nextCursor: null });
  });

  test.each([
    ['GET', '/api/subscriptions/none/parked', 'subscription_not_found'],
    ['POST', '/api/subscriptions/none/parked/lease-1/retry', 'subscription_not_found'],
    ['POST', '/api/subscriptions/leases@1/parked/lease-1/retry', 'stream_not_parked'],
    ['POST', '/api/projections/none/rebuild', 'projection_not_found'],
    ['DELETE', '/api/projections/none/rebuild', 'projection_not_found'],
    ['DELETE', '/api/projections/none/old', 'projection_not_found'],
    ['GET', '/api/nothing', 'route_not_found'],
  ] as const)('%s %s is a %s', async (method, path, code) => {
    expect(await api.problem(404, method, path)).toMatchObject({ code });
  });

  test('what a rebuild has replaced is there until it is dropped; dropping nothing is no error', async () => {
    const { lease } = await api.acquire(randomUUID());
    expect(await api.expect(200, 'DELETE', '/api/projections/leases/rebuild')).toEqual({
      name: 'leases',
      cancelled: false,
    });
    expect(await api.expect(202, 'POST', '/api/projections/leases/rebuild')).toEqual({ name: 'leases', generation: 2 });
    await eventually(async () => {
      const { items } = await api.expect<{ items: object[] }>(200, 'GET', '/api/projections');
      expect(items[1]).toMatchObject({ name: 'leases', generation: 2, state: 'live', old: [1] });
    });
    expect(await api.lease(lease.id)).toStrictEqual(lease);
    expect(await api.expect(200, 'DELETE', '/api/projections/leases/old')).toEqual({ name: 'leases', dropped: [1] });
    expect(await api.expect(200, 'DELETE', '/api/projections/leases/old')).toEqual({ name: 'leases', dropped: [] });
    expect(await api.lease(lease.id)).toStrictEqual(lease);
  });
});

interface Media {
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value?: unknown }>>;
}
interface Operation {
  readonly parameters?: readonly {
    readonly in: string;
    readonly name: string;
    readonly schema?: { readonly example?: unknown };
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Media>> }>>;
}

describe('the documents', () => {
  test('openapi.json has an example for every request and every answer', async () => {
    const { paths } = await api.expect<{ paths: Record<string, Record<string, Operation>> }>(
      200,
      'GET',
      '/api/openapi.json',
    );
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
    );
    expect(operations.length).toBeGreaterThanOrEqual(20);
    const without: string[] = [];
    for (const { name, operation } of operations) {
      const body = Object.entries(operation.requestBody?.content ?? {});
      if (operation.requestBody && body.length === 0) without.push(`${name}: body`);
      for (const [type, media] of body) if (!hasExample(media)) without.push(`${name}: body ${type}`);
      const answers = Object.entries(operation.responses);
      if (!answers.some(([status]) => status.startsWith('2'))) without.push(`${name}: no success`);
      for (const [status, { content = {} }] of answers) {
        if (Object.keys(content).length === 0) without.push(`${name}: ${status}`);
        for (const media of Object.values(content)) if (!hasExample(media)) without.push(`${name}: ${status}`);
      }
      for (const parameter of operation.parameters ?? []) {
        if (parameter.in === 'path' && parameter.schema?.example === undefined)
          without.push(`${name}: ${parameter.name}`);
      }
    }
    expect(without).toEqual([]);
  });

  test('the examples of bodies are bodies that work', async () => {
    const { paths } = await api.expect<{ paths: Record<string, Record<string, Operation>> }>(
      200,
      'GET',
      '/api/openapi.json',
    );
    const examplesOf = (path: string, method: string): unknown[] =>
      Object.values(paths[path]?.[method]?.requestBody?.content['application/json']?.examples ?? {}).map(
        ({ value }) => value,
      );
    const creating = examplesOf('/api/companies/{companyId}/environments', 'post');
    const patching = examplesOf('/api/environments/{id}', 'patch');
    const acquiring = examplesOf('/api/companies/{companyId}/leases', 'post');
    expect([creating.length, patching.length, acquiring.length].every((count) => count > 0)).toBe(true);
    for (const body of creating) await api.createEnvironment(randomUUID(), body as object);
    const companyId = randomUUID();
    const { id } = await api.createSandbox(companyId);
    for (const body of acquiring)
      await api.acquire(companyId, {
        ...(body as object),
        ...('environmentId' in (body as object) && { environmentId: id }),
      });
    for (const body of patching) await api.patchEnvironment(id, body as object);
  });

  test.each(['/api/docs', '/api/docs/errors'])('%s is a page', async (path) => {
    const response = await fetch(api.url + path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    expect(await response.text()).toMatch(/<html/i);
  });

  test('nothing of all that was worth a warning', async () => {
    // Subscriptions tell of every change of owner and of generation.
    expect(service.logged.filter((line) => !line.endsWith(' Subscriptions'))).toEqual([]);
  });
});

function hasExample({ example, examples }: Media): boolean {
  return example !== undefined || Object.keys(examples ?? {}).length > 0;
}
