import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import ssh2 from 'ssh2';
import type { LeaseJson } from '../../../src/domain/leases/lease-json.js';
import type { Problem } from '../../../src/platform/http/problem.js';
import type { RecordedEvent } from '../../../src/event-sourcing/event-log/events.js';
import { Witness } from '../../support/fold-of-log.js';
import { serve, type Service } from '../../support/service.js';
import { grown } from '../../support/soak.js';

const HEARTBEATS = grown(300, 10_000);
const FEW_DOZEN = 36;

let service: Service;
let witness: Witness;
beforeAll(async () => {
  service = await serve();
  witness = await Witness.of(service.connection);
});
afterAll(async () => {
  await witness?.close();
  await service?.close();
});

const acquired = async (wish: object): Promise<LeaseJson> => (await service.api.acquire(randomUUID(), wish)).lease;
const seconds = (from: string | null, to: string | null): number =>
  (Date.parse(String(to)) - Date.parse(String(from))) / 1000;
const eventsOf = async (leaseId: string): Promise<RecordedEvent[]> =>
  (await witness.events()).filter(({ stream }) => stream === `lease-${leaseId}`);
const typesOf = async (leaseId: string): Promise<string[]> => (await eventsOf(leaseId)).map(({ type }) => type);

async function until(leaseId: string, reached: (lease: LeaseJson, types: readonly string[]) => boolean): Promise<void> {
  while (!reached(await service.api.lease(leaseId), await typesOf(leaseId))) await pause(50);
}

describe('a renewal', () => {
  test('puts the end off, by the lease’s own time or the one asked for, and says where the log is', async () => {
    const lease = await acquired({ ttlSeconds: 600 });
    const path = `/api/environment-leases/${lease.id}/renew`;
    const { headers, body } = await service.api.send<{ lease: LeaseJson; position: number }>('POST', path, {
      ttlSeconds: 3600,
    });
    expect(Object.keys(body)).toEqual(['lease', 'position']);
    expect(headers.get('x-event-position')).toBe(String(body.position));
    // A process's own idea of Postgres's time is never ahead of it, and so some milliseconds behind.
    expect(seconds(lease.acquiredAt, body.lease.expiresAt)).toBeGreaterThan(3599);
    expect(seconds(lease.acquiredAt, body.lease.expiresAt)).toBeLessThan(3660);
    const at = await service.api.expect(200, 'GET', `/api/environment-leases/${lease.id}?at=${body.position}`);
    expect(at).toEqual(body.lease);
    // Its own would be less, and an end never comes earlier.
    expect((await service.api.renew(lease.id)).lease.expiresAt).toBe(body.lease.expiresAt);
    expect(await typesOf(lease.id)).toEqual(['LeaseRequested', 'LeaseActivated', 'LeaseRenewed']);
  });

  test('never goes beyond the maximum', async () => {
    const lease = await acquired({ ttlSeconds: 60, maxTtlSeconds: 100 });
    const { lease: renewed } = await service.api.renew(lease.id, { ttlSeconds: 86_400 });
    expect(seconds(lease.acquiredAt, renewed.expiresAt)).toBe(100);
  });

  test('of a lease that has ended is refused, and says how and when it did', async () => {
    const lease = await acquired({ ttlSeconds: 60 });
    const { lease: released } = await service.api.release(lease.id);
    const problem = await service.api.problem(409, 'POST', `/api/environment-leases/${lease.id}/renew`, {});
    expect(problem).toMatchObject({
      ...{ code: 'lease_ended', leaseId: lease.id, leaseStatus: 'released', reasonCode: 'released_by_caller' },
      ...{ endedAt: released.releasedAt },
      detail: `The lease ended as released at ${released.releasedAt} (released_by_caller).`,
    });
  });

  test('of one that is not active yet, or has no end, answers it as it is', async () => {
    const endless = await acquired({});
    expect((await service.api.renew(endless.id, { ttlSeconds: 60 })).lease).toEqual(endless);
    const companyId = randomUUID();
    const { private: privateKey } = ssh2.utils.generateKeyPairSync('ed25519');
    // Nothing listens there: attempts fail, and are tried again later.
    const config = { host: '127.0.0.1', port: 1, username: 'nobody', remoteWorkspacePath: '/tmp/x', privateKey };
    const { id: environmentId } = await service.api.createEnvironment(companyId, {
      name: 'Host',
      driver: 'ssh',
      config,
    });
    const path = `/api/companies/${companyId}/leases`;
    const wish = { environmentId, ttlSeconds: 60 };
    const later = { Prefer: 'respond-async' };
    const { lease } = await service.api.expect<{ lease: LeaseJson }>(202, 'POST', path, wish, later);
    expect((await service.api.renew(lease.id)).lease).toMatchObject({ acquiredAt: null, expiresAt: null });
    expect(await typesOf(lease.id)).not.toContain('LeaseRenewed');
  });

  test('with the same Idempotency-Key is one, whether it is an event or not', async () => {
    const lease = await acquired({ ttlSeconds: 600 });
    for (const wish of [{ ttlSeconds: 3600 }, { ttlSeconds: 3601 }]) {
      const key = { 'idempotency-key': randomUUID() };
      const first = await service.api.renew(lease.id, wish, key);
      expect(await service.api.renew(lease.id, wish, key)).toEqual(first);
    }
    expect((await typesOf(lease.id)).length).toBe(3);
  });

  test.each<[string, object]>([
    ['nothing', { ttlSeconds: 0 }],
    ['a fraction', { ttlSeconds: 1.5 }],
    ['more than a year', { ttlSeconds: 31_536_001 }],
    ['no number', { ttlSeconds: 'x' }],
    ['another field', { deadline: '2030-01-01T00:00:00Z' }],
  ])('for %s is no renewal', async (_name, wish) => {
    const lease = await acquired({ ttlSeconds: 60 });
    const path = `/api/environment-leases/${lease.id}/renew`;
    expect(await service.api.send<Problem>('POST', path, wish)).toMatchObject({ status: 400 });
  });
});

test(`${HEARTBEATS} renewals that move the end by a second each are a few events, and reads of the past say what was seen`, async () => {
  const lease = await acquired({ ttlSeconds: 3_600 });
  const seen = new Map<number, string | null>();
  for (let n = 1; n <= HEARTBEATS; n += 1) {
    const { lease: now, position } = await service.api.renew(lease.id, { ttlSeconds: 3_600 + n });
    const before = [...seen.values()].at(-1) ?? lease.expiresAt;
    expect(String(now.expiresAt) >= String(before)).toBe(true);
    // At least two thirds of what was asked for.
    expect(seconds(lease.acquiredAt, now.expiresAt)).toBeGreaterThan(((3_600 + n) * 2) / 3);
    seen.set(position, now.expiresAt);
  }
  const events = await eventsOf(lease.id);
  expect(events.length).toBeLessThanOrEqual(FEW_DOZEN);
  for (const [position, expiresAt] of seen) {
    const path = `/api/environment-leases/${lease.id}?at=${position}`;
    expect((await service.api.expect<LeaseJson>(200, 'GET', path)).expiresAt).toBe(expiresAt);
  }
  const deadlines = events.flatMap(({ type, data }) =>
    type === 'LeaseRenewed' ? [(data as { deadline: string }).deadline] : [],
  );
  expect([...new Set(seen.values())]).toEqual(deadlines);
});

describe('an end that is due', () => {
  test('gives way to renewals that were no event, and comes when they have passed', async () => {
    const lease = await acquired({ ttlSeconds: 6, expiryNoticeSeconds: 0 });
    // Where the process was busy, its idea of Postgres's time may be behind, or go back: then nothing is put off yet.
    let first = lease;
    while (first.version < 3) first = (await service.api.renew(lease.id)).lease;
    // By less than a third: only its row knows.
    const moved = `SELECT FROM lease_liveness WHERE lease_id = '${lease.id}' AND renewed_until >= '${first.expiresAt}'::timestamptz + interval '0.3s'`;
    while ((await witness.query(moved)).length === 0) {
      await pause(100);
      expect((await service.api.renew(lease.id)).lease.version).toBe(3);
    }
    await until(lease.id, ({ releasedAt }) => releasedAt !== null);
    const events = await eventsOf(lease.id);
    const told = events.filter(({ type }) => type === 'LeaseRenewed').map(({ data }) => data as { deadline: string });
    const over = events.find(({ type }) => type === 'LeaseReleaseRequested')?.data;
    expect(told.length).toBe(2);
    expect(seconds(String(told[0]?.deadline), String(told[1]?.deadline))).toBeGreaterThanOrEqual(0.3);
    expect(over).toMatchObject({ reasonCode: 'ttl_elapsed', deadline: told[1]?.deadline });
    expect(await witness.query(`SELECT * FROM lease_liveness WHERE lease_id = '${lease.id}'`)).toEqual([]);
  });

  test('is told of before it comes, once for each', async () => {
    const lease = await acquired({ ttlSeconds: 4, expiryNoticeSeconds: 3 });
    expect(lease.expiryNoticeSeconds).toBe(3);
    await until(lease.id, (_lease, types) => types.includes('LeaseExpiring'));
    const { lease: renewed } = await service.api.renew(lease.id);
    await until(lease.id, ({ releasedAt }) => releasedAt !== null);
    const events = await eventsOf(lease.id);
    const notices = events.filter(({ type }) => type === 'LeaseExpiring');
    expect(notices.map(({ actor, data }) => ({ actor, data }))).toEqual(
      [lease.expiresAt, renewed.expiresAt].map((deadline) => ({
        actor: 'system:expiry',
        data: { deadline, reasonCode: 'ttl_elapsed' },
      })),
    );
    for (const { recordedAt, data } of notices) {
      expect(seconds(recordedAt, (data as { deadline: string }).deadline)).toBeLessThanOrEqual(3);
    }
  });

  test('of a lease that says nothing is told of a minute before, or after half of its time', async () => {
    expect(await acquired({ ttlSeconds: 3600 })).toMatchObject({ expiryNoticeSeconds: 60 });
    expect(await acquired({ idleTtlSeconds: 30 })).toMatchObject({ expiryNoticeSeconds: 15 });
    expect(await acquired({})).toMatchObject({ expiryNoticeSeconds: 60 });
  });
});
