import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Environment } from '../../../src/domain/environments/state.js';
import type { LeaseJson } from '../../../src/domain/leases/lease-json.js';
import type { RecordedEvent } from '../../../src/event-sourcing/event-log/index.js';
import type { Api } from '../../support/api.js';
import { FolderDriver } from '../../support/folder-driver.js';
import { expectSoundLog, Witness } from '../../support/fold-of-log.js';
import { serve, ServiceHome, type Service } from '../../support/service.js';

const drain = (api: Api, id: string, body: object): Promise<Environment> =>
  api.expect(200, 'POST', `/api/environments/${id}/drain`, body);

async function until<T>(look: () => Promise<T>, done: (seen: T) => boolean): Promise<T> {
  for (;;) {
    const seen = await look();
    if (done(seen)) return seen;
    await pause(50);
  }
}

const untilDrained = (api: Api, id: string): Promise<Environment> =>
  until(
    () => api.environment(id),
    (environment) => environment.drain?.drainedAt !== null,
  );

const untilEnded = (api: Api, id: string): Promise<LeaseJson> =>
  until(
    () => api.lease(id),
    (lease) => lease.releasedAt !== null,
  );

/** An environment that another drain has emptied: by then every one that is due was looked at. */
async function untilDrainsWereLookedAt(api: Api): Promise<void> {
  const companyId = randomUUID();
  const { id } = await api.createSandbox(companyId);
  const { lease } = await api.acquire(companyId, { environmentId: id });
  await drain(api, id, { deadlineSeconds: 60, onDeadline: 'wait' });
  await api.release(lease.id);
  await untilDrained(api, id);
}

const typesOf = (events: readonly RecordedEvent[], id: string): string[] =>
  events.filter(({ stream }) => stream.endsWith(id)).map(({ type }) => type);

describe('a drain', () => {
  let service: Service;
  let witness: Witness;
  let driver: FolderDriver;
  let root: string;
  let api: Api;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'leasehold-test-folders-'));
    driver = new FolderDriver(root);
    service = await serve({ LEASEHOLD_CLEANUP_RETRY_MS: '[20]' }, [driver]);
    witness = await Witness.of(service.connection);
    ({ api } = service);
  });
  afterAll(async () => {
    await witness?.close();
    await service?.close();
    await rm(root, { recursive: true, force: true });
  });

  async function leased(count: number, wish: object = {}) {
    const companyId = randomUUID();
    const { id } = await api.createEnvironment(companyId, {
      ...{ name: 'Folders', driver: 'sandbox', config: { provider: 'folder' } },
    });
    const leases: LeaseJson[] = [];
    for (let made = 0; made < count; made += 1) {
      leases.push((await api.acquire(companyId, { environmentId: id, ...wish })).lease);
    }
    return { companyId, id, leases };
  }

  test('of an empty environment is over at once, and repeating it records nothing', async () => {
    const { id } = await leased(0);
    const drained = await drain(api, id, { deadlineSeconds: 60, onDeadline: 'release', reason: 'New kernel' });
    expect(drained.cordoned).toMatchObject({ by: 'drain', reason: 'New kernel' });
    expect(drained.drain).toMatchObject({ onDeadline: 'release', drainedAt: drained.updatedAt });
    expect(await drain(api, id, { deadlineSeconds: 90, onDeadline: 'wait' })).toEqual(drained);
  });

  test('that waits ends nothing, and is over when the last lease is', async () => {
    const { id, leases, companyId } = await leased(2);
    const draining = await drain(api, id, { deadlineSeconds: 0, onDeadline: 'wait' });
    expect(draining.drain).toMatchObject({ onDeadline: 'wait', drainedAt: null });
    const wish = { environmentId: id };
    const problem = await api.problem(409, 'POST', `/api/companies/${companyId}/leases`, wish);
    expect(problem).toMatchObject({ code: 'environment_cordoned', by: 'drain' });
    await api.release(leases[0]?.id ?? '');
    await untilDrainsWereLookedAt(api);
    expect(await api.environment(id)).toEqual(draining);
    expect(await api.lease(leases[1]?.id ?? '')).toMatchObject({ status: 'active' });
    await api.release(leases[1]?.id ?? '');
    await untilDrained(api, id);
    await api.expect(200, 'POST', `/api/environments/${id}/uncordon`, {});
    expect((await api.acquire(companyId, wish)).environment).toMatchObject({ cordoned: null, drain: null });
  });

  test('that releases ends what is there at the deadline, kept sandboxes too', async () => {
    const { id, leases, companyId } = await leased(2);
    const kept = await api.acquire(companyId, { environmentId: id, leasePolicy: 'retain_on_failure' });
    await api.release(kept.lease.id, { status: 'failed' });
    const { drain: asked } = await drain(api, id, { deadlineSeconds: 1, onDeadline: 'release' });
    for (const { id: leaseId } of leases) {
      expect(await untilEnded(api, leaseId)).toMatchObject({ status: 'expired', reasonCode: 'drained' });
    }
    const { drain: over } = await untilDrained(api, id);
    expect(String(over?.drainedAt) > String(asked?.deadline)).toBe(true);
    expect(await api.lease(kept.lease.id)).toMatchObject({ cleanupStatus: 'success', keptUntil: null });
    expect((await readdir(root)).filter((name) => leases.some(({ metadata }) => metadata['folder'] === name))).toEqual(
      [],
    );
    const timeline = `/api/environments/${id}/timeline`;
    const { items } = await api.expect<{ items: readonly { sentence: string }[] }>(200, 'GET', timeline);
    expect(items.at(-1)?.sentence).toBe('Drained: no lease is left.');
  });

  test('is over only when a cleanup that failed is written off', async () => {
    const { id, leases } = await leased(1);
    driver.meanwhile = (call) => (call === 'release' ? Promise.reject(new Error('no')) : Promise.resolve());
    await drain(api, id, { deadlineSeconds: 0, onDeadline: 'release' });
    const leaseId = leases[0]?.id ?? '';
    await until(
      () => api.lease(leaseId),
      ({ cleanupStatus }) => cleanupStatus === 'irrevocable',
    );
    await untilDrainsWereLookedAt(api);
    expect((await api.environment(id)).drain?.drainedAt).toBeNull();
    await api.expect(200, 'POST', `/api/environment-leases/${leaseId}/cleanup/write-off`, {});
    await untilDrained(api, id);
    driver.meanwhile = () => Promise.resolve();
  });

  test('that is cancelled ends nothing', async () => {
    const { id, leases } = await leased(1);
    await drain(api, id, { deadlineSeconds: 1, onDeadline: 'release' });
    await api.expect(200, 'POST', `/api/environments/${id}/uncordon`, {});
    await pause(1_000);
    await untilDrainsWereLookedAt(api);
    expect(await api.lease(leases[0]?.id ?? '')).toMatchObject({ status: 'active' });
    expect(await api.environment(id)).toMatchObject({ cordoned: null, drain: null });
  });

  test('leaves a log and tables that are sound', async () => {
    const events = await witness.events();
    expectSoundLog(events);
    await witness.expectTablesToBeTheFold(events);
  });
});

describe('a drain of a service that is killed, of two processes', () => {
  let home: ServiceHome;
  beforeAll(async () => {
    home = await ServiceHome.make();
  });
  afterAll(() => home?.close());

  test('goes on where it was, and records everything once', async () => {
    const first = await home.start();
    const companyId = randomUUID();
    const { id } = await first.api.createSandbox(companyId);
    const wish = { environmentId: id };
    const leases = await Promise.all([1, 2, 3].map(() => first.api.acquire(companyId, wish)));
    await drain(first.api, id, { deadlineSeconds: 1, onDeadline: 'release' });
    await first.kill();
    // The deadline passes while nobody is there.
    await pause(1_000);
    const [second] = await Promise.all([home.start(), home.start()]);
    await untilDrained(second.api, id);
    for (const { lease } of leases) {
      expect(await second.api.lease(lease.id)).toMatchObject({ status: 'expired', reasonCode: 'drained' });
    }
    const witness = await Witness.of(await home.connection());
    const events = await witness.events();
    await witness.close();
    expect(typesOf(events, id)).toEqual(['EnvironmentCreated', 'EnvironmentDrainRequested', 'EnvironmentDrained']);
    for (const { lease } of leases) {
      expect(typesOf(events, lease.id).filter((type) => type === 'LeaseReleaseRequested')).toHaveLength(1);
    }
  });
});
