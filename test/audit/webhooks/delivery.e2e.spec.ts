import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { FeedPageAnswer } from '../../../src/audit/feed/http/feed-queries.js';
import { Witness } from '../../support/fold-of-log.js';
import { serve, type Service } from '../../support/service.js';
import type { DeliveriesAnswer, WebhookPageAnswer } from '../../../src/audit/webhooks/http/webhook-answers.js';
import { Hooks, LOOPBACK } from './hooks.js';
import { expectOrderPerStream, Receiver, verify } from './receiver.js';

const LONGEST_WAIT_MS = 200;

let service: Service;
let witness: Witness;
let receiver: Receiver;
let hooks: Hooks;
beforeAll(async () => {
  service = await serve({ ...LOOPBACK, LEASEHOLD_WEBHOOK_PAUSE_AFTER: '6' });
  witness = await Witness.of(service.connection);
});
beforeEach(async () => {
  receiver = await Receiver.start();
  hooks = new Hooks(service.api, randomUUID());
});
afterEach(() => receiver.close());
afterAll(async () => {
  await witness?.close();
  await service?.close();
});

const lease = async (companyId = hooks.companyId): Promise<string> => {
  const acquired = await service.api.acquire(companyId);
  await service.api.release(acquired.lease.id);
  return acquired.lease.id;
};

/** Positions of a company's events behind a position that a webhook is to get. */
async function deliverable(
  after: number,
  wanted = (_type: string, _stream: string): boolean => true,
): Promise<number[]> {
  const events = await witness.events(after);
  return events
    .filter(
      ({ companyId, type, stream }) =>
        companyId === hooks.companyId && !type.startsWith('Webhook') && wanted(type, stream),
    )
    .map(({ position }) => position);
}

const sorted = (positions: readonly number[]): number[] => [...positions].sort((a, b) => a - b);

describe('deliveries', () => {
  test('are the events of the company from then on, as the feed gives them, signed, and of no other', async () => {
    await lease();
    const { secret, position } = await hooks.create(receiver.url);
    await lease(randomUUID());
    await service.api.createSandbox(hooks.companyId, { image: 'debian:12' });
    await lease();
    const expected = await deliverable(position);
    await receiver.until(() => receiver.taken.length >= expected.length);
    expect(sorted(receiver.positions)).toEqual(expected);
    const feed = `/api/companies/${hooks.companyId}/events?after=${position}&limit=1000`;
    const { items } = await service.api.expect<FeedPageAnswer>(200, 'GET', feed);
    for (const received of receiver.taken) {
      expect(verify(received, secret)).toEqual(received.event);
      expect(received.headers['webhook-id']).toBe(received.event.id);
      const inFeed = items.find((item) => item.position === received.event.position);
      // The receiver is told no more than a reader who may not see configs.
      const isConfig = received.event.type.startsWith('Environment');
      const hidden = isConfig && { data: { ...(inFeed?.data as object), config: {}, metadata: null } };
      expect(received.event).toEqual({ ...inFeed, ...hidden });
    }
    expectOrderPerStream(receiver.taken);
  });

  test('are filtered as the feed is, also for leases that began before', async () => {
    const { api } = service;
    const { companyId } = hooks;
    const [one, two] = [await api.createSandbox(companyId), await api.createSandbox(companyId)];
    const runId = randomUUID();
    const early = await api.acquire(companyId, { environmentId: one.id, heartbeatRunId: runId });
    const other = await api.acquire(companyId, { environmentId: two.id });
    const receivers = await Promise.all(Array.from({ length: 5 }, () => Receiver.start()));
    try {
      const of = (leaseId: string) => `lease-${leaseId}`;
      const filters = [
        { environmentId: one.id },
        { runId },
        { leaseId: other.lease.id },
        { type: ['LeaseReleased'] },
        { stream: `environment-${two.id}` },
      ];
      const made = [];
      for (const [n, filter] of filters.entries()) made.push(await hooks.create(receivers[n]!.url, { filter }));
      const { position } = made.at(-1)!;
      const late = await api.acquire(companyId, { environmentId: one.id });
      for (const id of [early.lease.id, other.lease.id, late.lease.id]) await api.release(id);
      await api.patchEnvironment(two.id, { name: 'Renamed' });
      await api.patchEnvironment(one.id, { name: 'Renamed' });
      const expected = [
        await deliverable(position, (_type, stream) =>
          [of(early.lease.id), of(late.lease.id), `environment-${one.id}`].includes(stream),
        ),
        await deliverable(position, (_type, stream) => stream === of(early.lease.id)),
        await deliverable(position, (_type, stream) => stream === of(other.lease.id)),
        await deliverable(position, (type) => type === 'LeaseReleased'),
        await deliverable(position, (_type, stream) => stream === `environment-${two.id}`),
      ];
      expect(expected.map((positions) => positions.length > 0)).toEqual(expected.map(() => true));
      for (const [n, positions] of expected.entries()) {
        await receivers[n]!.until(() => receivers[n]!.taken.length >= positions.length);
        expect([n, sorted(receivers[n]!.positions)]).toEqual([n, positions]);
      }
      // The same, where it is asked for once it is in the log.
      for (const [n, { id }] of made.entries()) {
        receivers[n]!.taken.length = 0;
        await hooks.do(id, 'redeliver', { from: position });
        await receivers[n]!.until(() => receivers[n]!.taken.length >= expected[n]!.length);
        expect([n, sorted(receivers[n]!.positions)]).toEqual([n, expected[n]]);
      }
    } finally {
      for (const each of receivers) each.close();
    }
  });

  test('of one lease wait for the one that fails; those of others go on', async () => {
    const { position } = await hooks.create(receiver.url);
    const held = await service.api.acquire(hooks.companyId);
    const stream = `lease-${held.lease.id}`;
    let mended = false;
    receiver.react = ({ event }) => (event.stream === stream && !mended ? 503 : 200);
    await service.api.release(held.lease.id);
    const other = await lease();
    const before = await deliverable(position, (_type, of) => of === `lease-${other}`);
    await receiver.until(() => before.every((one) => receiver.positions.includes(one)));
    const [first, ...others] = await deliverable(position, (_type, of) => of === stream);
    const [hook] = (await service.api.expect<WebhookPageAnswer>(200, 'GET', hooks.path)).items;
    const { items } = await hooks.deliveries(hook!.id);
    expect(items.find((item) => item.position === first)).toMatchObject({ stream, lastStatus: 503 });
    expect(items.filter((item) => others.includes(item.position)).map(({ state }) => state)).toEqual(
      others.map(() => 'waiting'),
    );
    expect(receiver.requests.some(({ event }) => others.includes(event.position))).toBe(false);
    mended = true;
    await receiver.until(() => others.every((one) => receiver.positions.includes(one)));
    expectOrderPerStream(receiver.taken);
    expect(receiver.positions.filter((one) => one === first || others.includes(one))).toEqual([first, ...others]);
  });

  test('to a receiver that fails now and then come at least once and in order for each stream', async () => {
    const { position } = await hooks.create(receiver.url);
    // Each event none, once or twice, in one way or the other: six times would have the webhook paused.
    const faults = [500, 'drop', 429] as const;
    const asked = new Map<number, number>();
    receiver.react = ({ event: { position: of } }) => {
      const before = asked.get(of) ?? 0;
      asked.set(of, before + 1);
      return before < of % 3 ? (faults[(of + before) % 3] ?? 500) : 200;
    };
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        for (let round = 0; round < 3; round += 1) await lease();
      }),
    );
    const expected = await deliverable(position);
    await receiver.until(() => receiver.firstTaken.length >= expected.length);
    expect(sorted(receiver.firstTaken)).toEqual(expected);
    expectOrderPerStream(receiver.taken);
  });

  test('to a slow receiver do not delay those to another one', async () => {
    const slow = await Receiver.start();
    try {
      slow.react = () => 'hang';
      await hooks.create(slow.url);
      const { position } = await hooks.create(receiver.url);
      for (let n = 0; n < 20; n += 1) await lease();
      const expected = await deliverable(position);
      await receiver.until(() => receiver.taken.length >= expected.length, 5_000);
      expect(slow.taken).toEqual([]);
      expect(slow.mostOpen).toBeLessThanOrEqual(8);
    } finally {
      slow.close();
    }
  });
});

describe('a webhook', () => {
  test('whose event fails too often is paused, says why, and gets what it has missed once it is resumed', async () => {
    const { id, position } = await hooks.create(receiver.url);
    receiver.react = () => 500;
    await lease();
    const paused = await hooks.until(id, ({ status }) => status === 'paused');
    expect(paused.pause).toMatchObject({ reason: 'failing', detail: '6 attempts have failed: It answered 500' });
    expect(paused.deliveries).toMatchObject({ consecutiveFailures: 6, lastFailure: 'It answered 500' });
    const [recorded] = (await witness.events()).filter(
      ({ stream, type }) => stream === `webhook-${id}` && type === 'WebhookPaused',
    );
    expect(recorded).toMatchObject({ actor: 'system:webhooks' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const asked = receiver.requests.length;
    await lease();
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(receiver.requests.length).toBe(asked);
    expect((await hooks.get(id)).deliveries.lag).toBeGreaterThan(0);

    receiver.react = () => 200;
    await hooks.do(id, 'resume');
    const expected = await deliverable(position);
    await receiver.until(() => receiver.firstTaken.length >= expected.length);
    expect(receiver.positions.length).toBe(expected.length);
    expectOrderPerStream(receiver.taken);
    const resumed = await hooks.until(id, ({ deliveries: { pending, lag } }) => pending === 0 && lag === 0);
    expect(resumed).toMatchObject({ status: 'active', pause: null, deliveries: { consecutiveFailures: 0 } });
    // What comes later comes as it did before.
    const last = await lease();
    const ofLast = await deliverable(position, (_type, stream) => stream === `lease-${last}`);
    await receiver.until(() => ofLast.every((one) => receiver.positions.includes(one)));
  });

  test('waits longer after each failure', async () => {
    await hooks.create(receiver.url, { filter: { type: ['LeaseRequested'] } });
    receiver.react = () => (receiver.requests.length < 4 ? 500 : 200);
    await lease();
    await receiver.until(() => receiver.taken.length === 1);
    const waits = receiver.requests.slice(1).map(({ at }, n) => at - receiver.requests[n]!.at);
    expect(waits.map((wait, n) => wait >= [40, 80, 160][n]!)).toEqual([true, true, true]);
  });

  test('whose receiver asks to be left alone is left alone with everything, others are not', async () => {
    const other = await Receiver.start();
    try {
      const { id } = await hooks.create(receiver.url);
      await hooks.create(other.url);
      receiver.react = () => (receiver.requests.length === 1 ? 429 : 200);
      // Bounded by the longest wait after a failure.
      receiver.headers = { 'retry-after': '86400' };
      await lease();
      await hooks.until(id, ({ deliveries }) => deliveries.lastFailure === 'It answered 429');
      const [first] = receiver.requests;
      const before = receiver.requests.length;
      await lease();
      await receiver.until(() => receiver.firstTaken.length > 0 && receiver.firstTaken.length === other.taken.length);
      const later = receiver.requests.slice(before).map(({ at }) => at - first!.at);
      expect(Math.min(...later)).toBeGreaterThanOrEqual(LONGEST_WAIT_MS);
      expect(Math.min(...other.requests.slice(-1).map(({ at }) => at - first!.at))).toBeLessThan(Math.max(...later));
    } finally {
      other.close();
    }
  });

  test('that goes to another address is not held by what the one before asked for, before the change or after', async () => {
    const elsewhere = await Receiver.start();
    try {
      const { id } = await hooks.create(receiver.url);
      let answer = (): void => undefined;
      const underWay = new Promise<void>((resolve) => (answer = resolve));
      receiver.react = () => underWay.then(() => 429);
      receiver.headers = { 'retry-after': '86400' };
      await lease();
      await receiver.until(() => receiver.requests.length > 0);
      await witness.query(
        `UPDATE webhooks SET held_until = now() + interval '1 hour', failures = 3 WHERE id = '${id}'`,
      );
      await hooks.patch(id, { description: 'Same address' });
      await hooks.get(id);
      const held = `SELECT failures FROM webhooks WHERE id = '${id}' AND held_until IS NOT NULL`;
      expect(await witness.query(held)).toEqual([{ failures: 3 }]);
      await hooks.patch(id, { url: elsewhere.url });
      const later = await lease();
      await elsewhere.until(() => elsewhere.taken.some(({ event }) => event.stream === `lease-${later}`));
      answer();
      await hooks.until(id, ({ deliveries }) => deliveries.pending === 0);
      expect(await witness.query(held)).toEqual([]);
    } finally {
      elsewhere.close();
    }
  });

  test('whose receiver is gone (410) is paused at once', async () => {
    const { id } = await hooks.create(receiver.url);
    receiver.react = () => 410;
    await lease();
    expect((await hooks.until(id, ({ status }) => status === 'paused')).pause).toMatchObject({ reason: 'gone' });
  });

  test('that is paused by its owner gets nothing until it is resumed, and then all of it', async () => {
    const { id, position } = await hooks.create(receiver.url);
    const { position: paused } = await hooks.do(id, 'pause');
    expect(await hooks.do(id, 'pause')).toMatchObject({ position: paused });
    await lease();
    await hooks.get(id);
    expect(receiver.requests).toEqual([]);
    await hooks.do(id, 'resume');
    const expected = await deliverable(position);
    await receiver.until(() => receiver.taken.length >= expected.length);
    expect(sorted(receiver.positions)).toEqual(expected);
  });

  test('gets events again from any position, also from before it was made, each stream in its order', async () => {
    await lease();
    const from = (await deliverable(0))[2]!;
    const { id, position } = await hooks.create(receiver.url);
    await lease();
    const live = await deliverable(position);
    await receiver.until(() => receiver.taken.length >= live.length);
    // One is under way meanwhile.
    receiver.react = () => new Promise((resolve) => setTimeout(() => resolve(200), 150));
    await lease();
    await receiver.until(() => receiver.open > 0);
    receiver.taken.length = 0;
    await hooks.do(id, 'redeliver', { from });
    const expected = await deliverable(from - 1);
    await receiver.until(() => expected.every((one) => receiver.positions.includes(one)));
    await hooks.until(id, ({ deliveries: { pending, lag } }) => pending === 0 && lag === 0);
    const again = receiver.positions;
    expect(sorted([...new Set(again)])).toEqual(expected);
    const streams = new Map((await witness.events()).map((event) => [event.position, event.stream]));
    for (const stream of new Set(streams.values())) {
      const own = again.filter((one) => streams.get(one) === stream);
      const whole = expected.filter((one) => streams.get(one) === stream);
      // Whatever came in between, the whole stream comes once more in its order.
      expect(own.slice(own.length - whole.length)).toEqual(whole);
    }
    const { code } = await service.api.problem(400, 'POST', `${hooks.path}/${id}/redeliver`, { from: 10_000_000 });
    expect(code).toBe('position_ahead_of_log');
  });

  test('that is changed gets by its new filter, at its new address; one that is deleted gets nothing', async () => {
    const elsewhere = await Receiver.start();
    try {
      const { id } = await hooks.create(receiver.url);
      const changed = await hooks.patch(id, { url: elsewhere.url, filter: { type: ['LeaseReleased'] } });
      expect(changed).toMatchObject({ url: elsewhere.url, version: 2 });
      await lease();
      await elsewhere.until(() => elsewhere.taken.length === 1);
      expect(elsewhere.taken[0]?.event.type).toBe('LeaseReleased');
      await service.api.expect(200, 'DELETE', `${hooks.path}/${id}`);
      await service.api.problem(404, 'GET', `${hooks.path}/${id}`);
      await lease();
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect([receiver.requests.length, elsewhere.requests.length]).toEqual([0, 1]);
      expect(await witness.query(`SELECT FROM secret_versions WHERE secret_id = '${id}'`)).toEqual([]);
      expect(await witness.query(`SELECT FROM webhook_deliveries WHERE webhook_id = '${id}'`)).toEqual([]);
    } finally {
      elsewhere.close();
    }
  });

  test('whose outbox is full gets the rest from the log, once there is room', async () => {
    const { id, position } = await hooks.create(receiver.url);
    await hooks.get(id);
    await witness.query(`UPDATE webhooks SET pending = pending + 5000 WHERE id = '${id}'`);
    await lease();
    const full = await hooks.until(id, ({ deliveries: { lag } }) => lag > 0);
    expect([full.deliveries.pending, receiver.requests.length]).toEqual([5_000, 0]);
    await lease();
    await witness.query(`UPDATE webhooks SET pending = pending - 5000 WHERE id = '${id}'`);
    const expected = await deliverable(position);
    await receiver.until(() => receiver.taken.length >= expected.length);
    expect(sorted(receiver.positions)).toEqual(expected);
    expectOrderPerStream(receiver.taken);
    await hooks.until(id, ({ deliveries: { pending, lag } }) => pending === 0 && lag === 0);
  });

  test('gets what comes after the worker has lost its database session', async () => {
    const { position } = await hooks.create(receiver.url);
    await witness.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'leasehold webhooks' AND datname = current_database()`,
    );
    await lease();
    const expected = await deliverable(position);
    await receiver.until(() => receiver.firstTaken.length >= expected.length);
    expectOrderPerStream(receiver.taken);
  });

  test('says what waits, page by page, and for whom it is', async () => {
    const { id } = await hooks.create(receiver.url, { description: 'Billing' });
    await hooks.do(id, 'pause');
    await lease();
    await hooks.do(id, 'resume');
    receiver.react = () => 'hang';
    await hooks.until(id, ({ deliveries: { lag } }) => lag === 0);
    const all = await hooks.deliveries(id);
    const positions: number[] = [];
    for (let cursor: string | null = '0'; cursor !== null;) {
      const page: DeliveriesAnswer = await hooks.deliveries(id, `?limit=2&cursor=${cursor}`);
      positions.push(...page.items.map((item) => item.position));
      cursor = page.nextCursor;
    }
    expect(positions).toEqual(all.items.map((item) => item.position));
    expect(all.pending).toBe(positions.length);
    const another = await hooks.create(receiver.url);
    const listed = await service.api.expect<WebhookPageAnswer>(200, 'GET', `${hooks.path}?limit=1`);
    expect([listed.items.map((hook) => hook.id), listed.nextCursor]).toEqual([[another.id], another.id]);
    const rest = await service.api.expect<WebhookPageAnswer>(200, 'GET', `${hooks.path}?cursor=${another.id}`);
    expect(rest.items).toMatchObject([{ id, description: 'Billing' }]);
  });
});
