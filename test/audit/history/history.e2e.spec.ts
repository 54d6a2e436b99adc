import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Bundle } from '../../../src/audit/history/bundle.js';
import type { Diff } from '../../../src/audit/history/diff.js';
import type { TimelinePage } from '../../../src/audit/history/http/history-queries.js';
import type { Why } from '../../../src/audit/history/why.js';
import { leasehold } from '../../support/cli.js';
import { Witness } from '../../support/fold-of-log.js';
import { serve, type Service } from '../../support/service.js';
import { expectBundleReplayed, expectEveryLeaseExplained } from './expect-explained.js';

let service: Service;
let witness: Witness;
const companyId = randomUUID();
beforeAll(async () => {
  service = await serve({ LEASEHOLD_CLEANUP_RETRY_MS: '[60000]' });
  witness = await Witness.of(service.connection);
});
afterAll(async () => {
  await witness?.close();
  await service?.close();
});

const get = <Body>(path: string, status = 200): Promise<Body> => service.api.expect<Body>(status, 'GET', path);

async function ended(): Promise<{ environmentId: string; leaseId: string }> {
  const { id: environmentId } = await service.api.createSandbox(companyId);
  const wish = { environmentId, ttlSeconds: 3_600, leasePolicy: 'reuse_by_environment' };
  const { lease } = await service.api.acquire(companyId, wish);
  await service.api.release(lease.id, { status: 'failed', failureReason: 'exit code 137' });
  return { environmentId, leaseId: lease.id };
}

describe('a lease', () => {
  test('has a timeline that says what happened, who did it, what led to it and what it changed', async () => {
    const { leaseId } = await ended();
    const { items, nextCursor } = await get<TimelinePage>(`/api/environment-leases/${leaseId}/timeline`);
    expect(nextCursor).toBeNull();
    expect(items[0]).toMatchObject({
      version: 1,
      type: 'LeaseRequested',
      actor: 'operator:local',
      causedBy: { requestId: expect.any(String), event: null, job: null },
      sentence: expect.stringMatching(/^Lease requested on .*, \w+, for 1 h\.$/),
    });
    expect(items[0]?.changes).toContainEqual({ field: 'status', from: null, to: 'requested' });
    const release = items.find(({ type }) => type === 'LeaseReleaseRequested');
    expect(release?.sentence).toBe('Released as failed (adapter_or_run_failure): exit code 137.');
    expect(release?.changes).toContainEqual({ field: 'failureReason', from: null, to: 'exit code 137' });
    expect(items.flatMap(({ changes }) => changes.map(({ field }) => field))).not.toContain('position');

    const first = await get<TimelinePage>(`/api/environment-leases/${leaseId}/timeline?limit=2`);
    const rest = await get<TimelinePage>(
      `/api/environment-leases/${leaseId}/timeline?cursor=${first.nextCursor}&limit=500`,
    );
    expect([...first.items, ...rest.items]).toEqual(items);
    const until = items[1]?.position;
    expect(await get<TimelinePage>(`/api/environment-leases/${leaseId}/timeline?at=${until}`)).toEqual({
      items: items.slice(0, 2),
      nextCursor: null,
    });
  });

  test('has a diff between any two moments that leads from the one state to the other', async () => {
    const { leaseId } = await ended();
    const path = `/api/environment-leases/${leaseId}`;
    const { items } = await get<TimelinePage>(`${path}/timeline`);
    for (const from of items) {
      for (const to of items) {
        const [before, after] = [
          await get<object>(`${path}?at=${from.position}`),
          await get<object>(`${path}?at=${to.position}`),
        ];
        const diff = await get<Diff>(`${path}/diff?from=${from.position}&to=pos:${to.position}`);
        const changed = Object.fromEntries(diff.changes.map((change) => [change.field, change.to]));
        expect({ ...before, ...changed }).toEqual(after);
        expect(diff.changes.every(({ from: was, to: is }) => JSON.stringify(was) !== JSON.stringify(is))).toBe(true);
      }
    }
    const whole = await get<Diff>(`${path}/diff?from=${(items[0]?.position ?? 0) - 1}`);
    expect(Object.fromEntries(whole.changes.map(({ field, to }) => [field, to]))).toMatchObject({ status: 'failed' });
  });

  test('says why it is active, and what ends it next', async () => {
    const { id: environmentId } = await service.api.createSandbox(companyId);
    const { lease } = await service.api.acquire(companyId, { environmentId, ttlSeconds: 60, idleTtlSeconds: 30 });
    const why = await get<Why>(`/api/environment-leases/${lease.id}/why`);
    expect(why).toMatchObject({ status: 'active', reasonCode: null, blockedBy: null });
    expect(why.nextTimer).toEqual({ name: 'idle_ttl_elapsed', at: lease.expiresAt });
    expect(why.chain.map(({ type }) => type)).toEqual(
      ['LeaseRequested', 'ProvisioningRequested', 'LeaseActivated'].filter((type) =>
        why.chain.some((link) => link.type === type),
      ),
    );
    expect(await get<Why>(`/api/environment-leases/${lease.id}/why?at=${lease.fence}`)).toMatchObject({
      position: lease.fence,
      chain: [{ type: 'LeaseRequested' }],
    });
  });

  test('is explained at every position, in its bundle too', async () => {
    const { leaseId } = await ended();
    expect(await expectEveryLeaseExplained(service.api, await witness.events())).toBeGreaterThan(2);
    await expectBundleReplayed(service.api, leaseId);
  });

  test.each(['timeline', 'why', 'bundle', 'diff?from=1'])('that is not there has no %s', async (what) => {
    expect(await get(`/api/environment-leases/${randomUUID()}/${what}`, 404)).toMatchObject({
      code: 'lease_not_found',
    });
  });

  test.each([
    ['timeline?at=999999999', 'at_in_future'],
    ['why?at=0', 'at_before_log'],
    ['bundle?at=yesterday', 'validation_failed'],
    ['diff', 'validation_failed'],
    ['diff?from=2&to=x', 'validation_failed'],
    ['diff?from=999999999', 'at_in_future'],
    ['timeline?at=9999-12-31T23:59:59-23:59', 'validation_failed'],
    ['timeline?at=0000-01-01T00:00:00Z', 'validation_failed'],
    ['why?at=9999-12-31T23:59:59-23:59', 'validation_failed'],
    ['why?at=0000-01-01T00:00:00Z', 'validation_failed'],
    ['bundle?at=9999-12-31T23:59:59-23:59', 'validation_failed'],
    ['bundle?at=0000-01-01T00:00:00Z', 'validation_failed'],
    ['diff?from=9999-12-31T23:59:59-23:59', 'validation_failed'],
    ['diff?from=0000-01-01T00:00:00Z', 'validation_failed'],
    ['diff?from=1&to=9999-12-31T23:59:59-23:59', 'validation_failed'],
    ['diff?from=1&to=0000-01-01T00:00:00Z', 'validation_failed'],
    ['timeline?limit=0', 'validation_failed'],
    ['timeline?cursor=x', 'validation_failed'],
  ])('%s is refused: %s', async (what, code) => {
    const { leaseId } = await ended();
    const { status, body } = await service.api.send<{ code: string }>(
      'GET',
      `/api/environment-leases/${leaseId}/${what}`,
    );
    expect([status, body.code]).toEqual([400, code]);
  });
});

describe('an environment', () => {
  test('has a timeline, a diff and a why, also once it is deleted', async () => {
    const { id: environmentId } = await service.api.createSandbox(companyId);
    const { lease } = await service.api.acquire(companyId, { environmentId });
    const path = `/api/environments/${environmentId}`;
    await service.api.patchEnvironment(environmentId, { name: 'Other' });
    expect(await get<Why>(`${path}/why`)).toMatchObject({
      status: 'active',
      blockedBy: { reasonCode: 'environment_in_use', sentence: expect.stringContaining(lease.id) },
    });
    await service.api.release(lease.id);
    const before = await witness.head();
    while ((await service.api.send('DELETE', path)).status !== 200) await new Promise((wait) => setTimeout(wait, 50));

    const { items } = await get<TimelinePage>(`${path}/timeline`);
    expect(items.map(({ type }) => type)).toEqual(['EnvironmentCreated', 'EnvironmentChanged', 'EnvironmentDeleted']);
    expect(items[1]).toMatchObject({ changes: [{ field: 'name', from: 'Sandbox', to: 'Other' }] });
    expect(await get<Why>(`${path}/why`)).toMatchObject({ status: 'deleted', blockedBy: null });
    const then = await get<Why>(`${path}/why?at=${before}`);
    expect(then.status).toBe('active');
    const { changes } = await get<Diff>(`${path}/diff?from=${before}`);
    expect(changes).toContainEqual({ field: 'name', from: 'Other', to: null });
  });
});

describe('a bundle that was tampered with', () => {
  async function replayed(change: (bundle: Bundle) => unknown): Promise<{ code: number | null; err: string }> {
    const { leaseId } = await ended();
    const bundle = await get<Bundle>(`/api/environment-leases/${leaseId}/bundle`);
    const folder = await mkdtemp(join(tmpdir(), 'leasehold-test-bundle-'));
    try {
      const file = join(folder, 'bundle.json');
      await writeFile(file, JSON.stringify(change(bundle)));
      return await leasehold({}, 'replay', file);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  test('is told from what the service said: exit code 1 and the fields', async () => {
    const { code, err } = await replayed((bundle) => ({ ...bundle, lease: { ...bundle.lease, status: 'active' } }));
    expect([code, err]).toEqual([1, expect.stringMatching(/^status: .*"from":"active","to":"failed"/)]);
  });

  test.each<[string, (bundle: Bundle) => unknown, RegExp]>([
    [
      'without one of its events',
      (bundle) => ({ ...bundle, events: bundle.events.filter(({ type }) => type !== 'LeaseRequested') }),
      /lacks event 1 of/,
    ],
    ['of another format', (bundle) => ({ ...bundle, formatVersion: 2 }), /not a bundle of this release/],
    [
      'of a newer release',
      (bundle) => ({ ...bundle, events: bundle.events.map((event) => ({ ...event, schemaVersion: 99 })) }),
      /newer release/,
    ],
    ['that is no object', () => 7, /not a bundle/],
  ])('is refused %s: exit code 2', async (_what, change, message) => {
    const { code, err } = await replayed(change);
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
  });

  test('has nothing of what only a driver needs', async () => {
    const { leaseId } = await ended();
    const { events } = await get<Bundle>(`/api/environment-leases/${leaseId}/bundle`);
    const activated = events.find(({ type }) => type === 'LeaseActivated');
    expect(activated?.data).toMatchObject({ teardown: {} });
  });
});
