import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { EVENT_DEFINITIONS } from '../../../src/app/event-definitions.js';
import type { RecordedEvent } from '../../../src/event-sourcing/event-log/index.js';
import type { FeedPageAnswer } from '../../../src/audit/feed/http/feed-queries.js';
import { readJson, sampleFile } from '../../frozen-events/samples.js';
import { Witness } from '../../support/fold-of-log.js';
import { serve, type Service } from '../../support/service.js';
import { grown } from '../../support/soak.js';
import { SseReader } from './sse-reader.js';

const [WRITERS, READERS, LOSSES] = [grown(2, 4), grown(3, 6), grown(9, 20)];

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

const page = (companyId: string, query = ''): Promise<FeedPageAnswer> =>
  service.api.expect(200, 'GET', `/api/companies/${companyId}/events${query}`);

/** All pages, as a poller gets them. */
async function everything(companyId: string, query = ''): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for (let after = '0'; ;) {
    const { items, nextCursor } = await page(companyId, `?after=${after}&limit=7${query}`);
    events.push(...items);
    if (nextCursor === after) return events;
    after = nextCursor;
  }
}

async function live(companyId: string): Promise<{ environmentId: string; leaseId: string; runId: string }> {
  const { id: environmentId } = await service.api.createSandbox(companyId);
  const runId = randomUUID();
  const { lease } = await service.api.acquire(companyId, { environmentId, heartbeatRunId: runId });
  await service.api.release(lease.id);
  return { environmentId, leaseId: lease.id, runId };
}

const positions = (events: readonly RecordedEvent[]): number[] => events.map(({ position }) => position);

describe('pages', () => {
  test('have every event of the company, in the order of the log, and of no other', async () => {
    const [mine, other] = [randomUUID(), randomUUID()];
    for (let n = 0; n < 3; n += 1) await Promise.all([live(mine), live(other)]);
    const own = (await witness.events()).filter(({ companyId }) => companyId === mine);
    const events = await everything(mine);
    expect(positions(events)).toEqual(positions(own));
    expect(events.map(({ id, type }) => [id, type])).toEqual(own.map(({ id, type }) => [id, type]));
    expect(JSON.stringify(events)).not.toContain(other);
  });

  test('are filtered by type, stream, environment, lease and run, and by several of them', async () => {
    const companyId = randomUUID();
    const [one, two] = [await live(companyId), await live(companyId)];
    const own = (await witness.events()).filter((event) => event.companyId === companyId);
    const ofLease = own.filter(({ stream }) => stream === `lease-${one.leaseId}`);
    const ofEnvironment = own.filter(({ stream }) => stream === `environment-${one.environmentId}`);
    const expected: [string, RecordedEvent[]][] = [
      ['&type=LeaseRequested&type=LeaseReleased', own.filter(({ type }) => /^Lease(Requested|Released)$/.test(type))],
      [`&stream=environment-${one.environmentId}`, ofEnvironment],
      [`&leaseId=${one.leaseId}`, ofLease],
      [`&runId=${one.runId}`, ofLease],
      [`&environmentId=${one.environmentId}`, [...ofEnvironment, ...ofLease]],
      [`&environmentId=${one.environmentId}&runId=${one.runId}`, ofLease],
      [`&environmentId=${one.environmentId}&runId=${two.runId}`, []],
      [`&runId=${one.runId}&type=LeaseActivated`, ofLease.filter(({ type }) => type === 'LeaseActivated')],
    ];
    for (const [query, events] of expected) {
      expect([query, positions(await everything(companyId, query))]).toEqual([query, positions(events)]);
    }
    // A reader that comes in the middle of a lease still knows whose it is.
    const later = await page(companyId, `?after=${ofLease[0]?.position}&runId=${one.runId}`);
    expect(positions(later.items)).toEqual(positions(ofLease).slice(1));
  });

  test('an empty page moves the cursor on, and nothing that comes later is missed', async () => {
    const companyId = randomUUID();
    await live(randomUUID());
    const { items, nextCursor } = await page(companyId);
    expect(items).toEqual([]);
    expect(Number(nextCursor)).toBeGreaterThan(0);
    await live(companyId);
    const next = await page(companyId, `?after=${nextCursor}`);
    expect(next.items[0]).toMatchObject({ type: 'EnvironmentCreated' });
  });

  test.each([
    ['?after=999999999', 'position_ahead_of_log'],
    ['?after=-1', 'validation_failed'],
    ['?limit=1001', 'validation_failed'],
    ['?type=Nothing', 'validation_failed'],
    ['?leaseId=x', 'validation_failed'],
    ['/stream?after=x', 'validation_failed'],
    ['/stream?after=999999999', 'position_ahead_of_log'],
  ])('%s is refused: %s', async (query, code) => {
    const { status, body } = await service.api.send<{ code: string }>(
      'GET',
      `/api/companies/${randomUUID()}/events${query}`,
    );
    expect([status, body.code]).toEqual([400, code]);
  });

  test('what a driver needs to take a sandbox down is in none of them', async () => {
    const companyId = randomUUID();
    await live(companyId);
    const activated = (await everything(companyId)).find(({ type }) => type === 'LeaseActivated');
    expect(activated?.data).toMatchObject({ teardown: {} });
  });
});

describe('the stream', () => {
  const url = (companyId: string, query = ''): string =>
    `${service.api.url}/api/companies/${companyId}/events/stream${query}`;

  test('goes over from what was to what comes, without a gap or a double, under load', async () => {
    const companyId = randomUUID();
    let busy = true;
    const load = Promise.all(
      Array.from({ length: WRITERS }, async () => {
        while (busy) await live(companyId);
      }),
    );
    const readers = Array.from({ length: READERS }, () => new SseReader(() => url(companyId), 0));
    const running = Promise.all(readers.map((reader) => reader.run()));
    // However long it takes them to come back.
    for (let n = 0; n < LOSSES || readers.some(({ connections }) => connections < 2); n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 40));
      readers[n % READERS]?.drop();
    }
    busy = false;
    await load;
    const own = (await witness.events()).filter((event) => event.companyId === companyId);
    for (const reader of readers) {
      await reader.until((events) => events.length >= own.length);
      expect(positions(reader.events)).toEqual(positions(own));
      expect(reader.connections).toBeGreaterThan(1);
      reader.close();
    }
    await running;
  });

  test('without a position begins now; with a filter it has what the pages have', async () => {
    const companyId = randomUUID();
    const before = await live(companyId);
    const reader = new SseReader(() => url(companyId, `?environmentId=${before.environmentId}`), null);
    const running = reader.run();
    while (reader.connections === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await live(companyId);
    const { lease } = await service.api.acquire(companyId, { environmentId: before.environmentId });
    await reader.until((events) => events.some(({ type }) => type === 'LeaseActivated'));
    expect(new Set(reader.events.map(({ stream }) => stream))).toEqual(new Set([`lease-${lease.id}`]));
    reader.close();
    await running;
  });

  test('ends for a reader who does not read, and the service goes on; it gets all the rest when it comes back', async () => {
    const companyId = randomUUID();
    const metadata = { text: 'x'.repeat(60_000) };
    const { hostname, port } = new URL(service.api.url);
    const socket = connect(Number(port), hostname);
    socket.write(`GET /api/companies/${companyId}/events/stream HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    for (let n = 0; n < 150; n += 1)
      await service.api.createEnvironment(companyId, {
        name: `E${n}`,
        driver: 'sandbox',
        config: { provider: 'fake' },
        metadata,
      });
    socket.resume();
    await closed;
    const reader = new SseReader(() => url(companyId), 0);
    const running = reader.run();
    await reader.until((events) => events.length === 150);
    reader.close();
    await running;
  });

  test('shows a reader no more than its token allows', async () => {
    // Its own service: once there is a token, every request needs one.
    const own = await serve();
    try {
      const companyId = randomUUID();
      const make = (body: object, headers = {}) =>
        own.api.expect<{ id: string; value: string }>(201, 'POST', '/api/tokens', body, headers);
      const admin = await make({ name: 'admin', permissions: ['admin'], companies: null });
      const asAdmin = { authorization: `Bearer ${admin.value}` };
      const auditor = await make({ name: 'auditor', permissions: ['audit:read'], companies: [companyId] }, asAdmin);
      const headers = { authorization: `Bearer ${auditor.value}` };
      const path = `${own.api.url}/api/companies/${companyId}/events/stream`;
      const reader = new SseReader(() => path, 0, headers);
      const running = reader.run();
      const wish = { name: 'S', driver: 'sandbox', config: { provider: 'fake', image: 'hidden' } };
      await own.api.createEnvironment(companyId, wish, asAdmin);
      await reader.until((events) => events.length === 1);
      // It may not see the configs of environments.
      expect(JSON.stringify(reader.events)).not.toContain('hidden');
      expect((await fetch(`${own.api.url}/api/companies/${randomUUID()}/events/stream`, { headers })).status).toBe(404);
      reader.close();
      await running;
    } finally {
      await own.close();
    }
  });
});

test('the OpenAPI document has a schema for every type of event, which its newest frozen sample keeps', async () => {
  const document = await service.api.expect<{ components: { schemas: Record<string, object> } }>(
    200,
    'GET',
    '/api/openapi.json',
  );
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  ajv.addSchema(document, 'api');
  const schema = (name: string) => ajv.compile({ $ref: `api#/components/schemas/${name}` });
  // Compiled once: it has the schemas of all events in it.
  const ofAny = schema('Event');
  for (const { type, schemaVersion } of EVENT_DEFINITIONS) {
    const sample = readJson(sampleFile(type, schemaVersion));
    const ofType = schema(type);
    for (const isValid of [ofType, ofAny]) expect([type, isValid(sample), isValid.errors]).toEqual([type, true, null]);
    expect(ofType({ ...(sample as object), data: 7 })).toBe(false);
  }
});
