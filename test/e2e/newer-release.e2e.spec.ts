import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import type { RecordedEvent } from '../../src/event-sourcing/event-log/index.js';
import type { LeaseJson } from '../../src/domain/leases/lease-json.js';
import type { Problem } from '../../src/platform/http/problem.js';
import type { Readiness } from '../../src/platform/operations/readiness.js';
import { eventually } from '../platform/embedded/support.js';
import { SseReader } from '../audit/feed/sse-reader.js';
import { openLog, type OpenLog } from '../support/event-log.js';
import { serve, type Service } from '../support/service.js';
import { Hooks, LOOPBACK } from '../audit/webhooks/hooks.js';
import { Receiver } from '../audit/webhooks/receiver.js';

/*
 * A newer release has recorded what this one does not understand: after a downgrade, or while the processes of both run.
 * It is nobody's concern but of whoever asks for the very lease.
 */

const SLOW = 60_000;
const CODE = 'recorded_by_newer_release';
const company = randomUUID();
const other = randomUUID();

let service: Service;
let newer: OpenLog;
let receiver: Receiver;
let position = 0;

beforeAll(async () => {
  service = await serve(LOOPBACK);
  newer = openLog(service.connection);
  receiver = await Receiver.start();
  for (const companyId of [company, other]) await new Hooks(service.api, companyId).create(receiver.url);
}, SLOW);
afterAll(async () => {
  receiver?.close();
  await newer?.close();
  await service?.close();
});

/** As the newer release records it. */
async function record(
  companyId: string,
  stream: string,
  expectedVersion: number,
  event: object,
  correlationKey: string | null = null,
): Promise<number> {
  const events = [{ id: uuidv7(), schemaVersion: 1, type: '', data: {}, ...event }];
  const verdict = await newer.log.append({
    ...{ companyId, actor: 'operator:newer', correlationId: null, causationId: null, guards: [], idempotency: null },
    writes: [{ stream, expectedVersion, category: 'lease', correlationKey, parent: null, open: true, events }],
  });
  if (verdict.kind !== 'ok') throw new Error(`It was not recorded: ${verdict.kind}.`);
  return verdict.position;
}

interface Case {
  readonly what: string;
  /** Whose stream it is; null: of no lease. */
  readonly ofLease: boolean;
  readonly event: { readonly type: string; readonly schemaVersion: number; readonly data: object };
}

const CASES: readonly Case[] = [
  { what: 'a type that is unknown', ofLease: true, event: { type: 'LeaseFrozen', schemaVersion: 1, data: { why: 1 } } },
  { what: 'a newer version', ofLease: true, event: { type: 'LeaseReleased', schemaVersion: 9, data: { how: 2 } } },
  { what: 'a type of no lease', ofLease: false, event: { type: 'QuotaSet', schemaVersion: 1, data: { most: 3 } } },
];

test.each(CASES)(
  '$what: other leases and companies go on, the feed and webhooks have it, and its own lease is answered with a code',
  async ({ ofLease, event }) => {
    const { api } = service;
    const heartbeatRunId = randomUUID();
    const { lease } = await api.acquire(company, { heartbeatRunId, ttlSeconds: 3_600 });
    const expiring = await api.acquire(company, { heartbeatRunId, ttlSeconds: 1 });
    const sibling = await api.acquire(company, { heartbeatRunId });
    const stream = ofLease ? `lease-${lease.id}` : `quota-${lease.id}`;
    const reader = new SseReader(() => `${api.url}/api/companies/${company}/events/stream`, sibling.position);
    const reading = reader.run();
    position = await record(company, stream, ofLease ? lease.version : 0, event, ofLease ? heartbeatRunId : null);
    const after = await api.acquire(other);

    // Others.
    expect((await api.lease(sibling.lease.id)).status).toBe('active');
    expect((await api.leases(company)).items.map(({ id }) => id)).toContain(lease.id);
    expect((await api.leases(company, `?at=${position}`)).items.map(({ id }) => id)).toContain(lease.id);
    await eventually(async () => expect((await api.lease(expiring.lease.id)).status).toBe('expired'), SLOW);
    const run = await api.releaseRun(company, heartbeatRunId);
    expect(run.released.map(({ lease: { id } }) => id)).toContain(sibling.lease.id);
    expect(run.errors.map(({ leaseId, code }) => [leaseId, code])).toEqual(ofLease ? [[lease.id, CODE]] : []);
    const verified = await api.expect<{ differing: number }>(200, 'POST', '/api/projections/leases/verify');
    expect(verified.differing).toBe(0);

    // Who follows the log.
    const { items } = await api.expect<{ items: RecordedEvent[] }>(
      200,
      'GET',
      `/api/companies/${company}/events?after=${position - 1}`,
    );
    const recorded = { position, stream, ...event, notUnderstood: true };
    expect(items[0]).toMatchObject(recorded);
    expect(items[1]).not.toHaveProperty('notUnderstood');
    await eventually(() => {
      const found = reader.events.find((seen) => seen.position === position);
      expect(found).toMatchObject(recorded);
      expect(reader.events.at(-1)?.position).toBeGreaterThan(position);
      return Promise.resolve();
    }, SLOW);
    expect(reader.connections).toBe(1);
    reader.close();
    await reading;
    await receiver.until(() => receiver.positions.includes(position) && receiver.positions.includes(after.position));
    expect(receiver.taken.find(({ event: sent }) => sent.position === position)?.event).toMatchObject(recorded);

    // Its own lease.
    if (ofLease) {
      const path = `/api/environment-leases/${lease.id}`;
      for (const [method, route] of [
        ['POST', '/release'],
        ['GET', '/timeline'],
        ['GET', '/why'],
      ] as const) {
        const answer = await api.send<Problem>(method, path + route, method === 'POST' ? {} : undefined);
        expect([answer.status, answer.body.code, answer.headers.get('retry-after')]).toEqual([503, CODE, '1']);
        expect(answer.body.detail).toContain(`${event.type} version ${event.schemaVersion} at position ${position}`);
      }
      // What it was before is understood.
      const before = await api.expect<LeaseJson>(200, 'GET', `${path}?at=${position - 1}`);
      expect(before.status).toBe('active');
    }
    const { status, body } = await api.send<Readiness>('GET', '/api/ready');
    expect([status, body.checks.subscriptions.ok]).toEqual([503, false]);
    expect(body.checks.subscriptions.detail).toContain('the log has events of a newer release: The event ');
  },
  SLOW,
);

test('an event of an environment keeps none of its leases from being released, alone or with their run', async () => {
  const { api } = service;
  const heartbeatRunId = randomUUID();
  const moved = await api.createEnvironment(company, {
    name: 'Moved',
    driver: 'sandbox',
    config: { provider: 'fake' },
  });
  const alone = await api.acquire(company, { environmentId: moved.id });
  const inMoved = await api.acquire(company, { environmentId: moved.id, heartbeatRunId });
  const elsewhere = await api.acquire(company, { heartbeatRunId });
  position = await record(company, `environment-${moved.id}`, moved.version, { type: 'EnvironmentMoved' });

  const again = { 'Idempotency-Key': randomUUID() };
  for (const headers of [{}, {}, again, again]) {
    const { lease, environment } = await api.release(alone.lease.id, {}, headers);
    expect([lease.status, environment]).toEqual(['released', moved]);
  }
  const key = { 'Idempotency-Key': randomUUID() };
  for (const headers of [key, key]) {
    const { released, errors } = await api.releaseRun(company, heartbeatRunId, {}, headers);
    expect(errors).toEqual([]);
    expect(released.map(({ lease }) => [lease.id, lease.status])).toEqual([
      [inMoved.lease.id, 'released'],
      [elsewhere.lease.id, 'released'],
    ]);
    expect(released[0]?.environment).toEqual(moved);
  }
});

test('where nothing of an environment is understood, its lease stays as it is and keeps no other from ending', async () => {
  const { api } = service;
  const heartbeatRunId = randomUUID();
  const elsewhere = await api.acquire(company, { heartbeatRunId });
  const environmentId = randomUUID();
  const leaseId = randomUUID();
  await record(company, `environment-${environmentId}`, 0, { type: 'EnvironmentCreated', schemaVersion: 9 });
  const recorded = newer.log.read.stream(`lease-${elsewhere.lease.id}`, { takesNewer: true });
  for await (const { version, type, schemaVersion, data } of recorded) {
    const own = data as object;
    const event = { type, schemaVersion, data: 'environmentId' in own ? { ...own, environmentId } : own };
    position = await record(company, `lease-${leaseId}`, version - 1, event, heartbeatRunId);
  }

  const { status, body } = await api.send<Problem>('POST', `/api/environment-leases/${leaseId}/release`, {});
  expect([status, body.code]).toEqual([503, CODE]);
  const run = await api.releaseRun(company, heartbeatRunId);
  expect(run.released.map(({ lease }) => lease.id)).toEqual([elsewhere.lease.id]);
  expect(run.errors.map((error) => [error.leaseId, error.code])).toEqual([[leaseId, CODE]]);
  // Nothing was recorded, as it was told.
  expect(await api.lease(leaseId)).toMatchObject({ status: 'active', position });
});

test('configs and what only drivers need are left out of it, wherever they are', async () => {
  const data = { next: [{ config: { a: 1 }, teardown: { b: 2 }, name: 'kept' }], metadata: { c: 3 } };
  position = await record(company, 'future-1', 0, { type: 'FutureSet', data });
  await receiver.until(() => receiver.positions.includes(position));
  const sent = receiver.taken.find(({ event }) => event.position === position);
  expect(sent?.event.data).toEqual({ next: [{ name: 'kept' }] });
});

test('after a restart it is known at once, the webhooks’ own streams wait, and the log says it once', async () => {
  await service.restart();
  const { status, body } = await service.api.send<Readiness>('GET', '/api/ready');
  expect([status, body.checks.subscriptions.detail]).toEqual([503, expect.stringContaining('newer release')]);
  position = await record(company, `webhook-${randomUUID()}`, 0, { type: 'WebhookThrottled' });
  const { lease } = await service.api.acquire(company);
  await receiver.until(() => receiver.taken.some(({ event }) => event.stream === `lease-${lease.id}`));
  expect(receiver.positions).not.toContain(position);
  const waiting = expect.stringMatching(/\d parked streams? waits? for a newer release/);
  const answer = await service.api.send<Readiness>('GET', '/api/ready');
  expect(answer.body.checks.subscriptions.detail).toEqual(waiting);
  const lines = service.logged.filter((line) => line.includes('has events of a newer release'));
  expect(lines.length).toBeLessThanOrEqual(2);
  expect(service.logged.filter((line) => line.includes('could not be expired'))).toEqual([]);
});

test('a token of one company is answered as one of all companies is', async () => {
  const moved = await service.api.createSandbox(company);
  const { lease } = await service.api.acquire(company, { environmentId: moved.id });
  await record(company, `environment-${moved.id}`, moved.version, { type: 'EnvironmentMoved' });
  position = await record(company, `lease-${lease.id}`, lease.version, { type: 'LeaseMoved' });
  await service.restart();
  const { api } = service;
  let admin: Record<string, string> = {};
  const token = async (companies: string[] | null): Promise<Record<string, string>> => {
    const wanted = {
      name: 'reader',
      companies,
      permissions: companies ? ['leases:acquire', 'leases:operate', 'audit:read'] : ['admin'],
    };
    const { value } = await api.expect<{ value: string }>(201, 'POST', '/api/tokens', wanted, admin);
    return { authorization: `Bearer ${value}` };
  };
  admin = await token(null);
  const [own, foreign] = [await token([company]), await token([other])];
  for (const path of [`/api/environments/${moved.id}`, `/api/environment-leases/${lease.id}`]) {
    const [full, limited, stranger] = await Promise.all(
      [admin, own, foreign].map((headers) => api.send<{ id: string }>('GET', path, undefined, headers)),
    );
    expect([limited?.status, limited?.body.id]).toEqual([200, full?.body.id]);
    expect(stranger?.status).toBe(404);
  }
});
