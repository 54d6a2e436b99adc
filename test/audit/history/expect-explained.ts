import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { Recorded, RecordedEvent } from '../../../src/event-sourcing/event-log/index.js';
import type { Bundle } from '../../../src/audit/history/bundle.js';
import type { TimelinePage } from '../../../src/audit/history/http/history-queries.js';
import type { Why } from '../../../src/audit/history/why.js';
import type { LeaseEvent } from '../../../src/domain/leases/events.js';
import { leaseJson, type LeaseJson } from '../../../src/domain/leases/lease-json.js';
import { evolveLease } from '../../../src/domain/leases/evolve.js';
import type { LeaseState } from '../../../src/domain/leases/state.js';
import type { Api } from '../../support/api.js';
import { leasehold } from '../../support/cli.js';

const LEASE = /^lease-/;
const AT_ONCE = 16;

/**
 * Of every lease in the log: each state that it was ever in is the fold of the events up to then, its timeline has them
 * all, and there is a reason for its end.
 * @returns how many there were
 */
export async function expectEveryLeaseExplained(api: Api, events: readonly RecordedEvent[]): Promise<number> {
  const streams = new Map<string, RecordedEvent[]>();
  for (const event of events.filter(({ stream }) => LEASE.test(stream))) {
    streams.set(event.stream, [...(streams.get(event.stream) ?? []), event]);
  }
  const left = [...streams];
  const explain = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await expectLeaseExplained(api, ...next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, explain));
  return streams.size;
}

async function expectLeaseExplained(api: Api, stream: string, own: readonly RecordedEvent[]): Promise<void> {
  const path = `/api/environment-leases/${stream.replace(LEASE, '')}`;
  let state: LeaseState = null;
  for (const event of own) {
    state = evolveLease(state, event as Recorded<LeaseEvent>);
    const past = await api.expect<LeaseJson>(200, 'GET', `${path}?at=${event.position}`);
    expect(past).toEqual(leaseJson(state));
  }
  const { items } = await api.expect<TimelinePage>(200, 'GET', `${path}/timeline?limit=500`);
  expect(items.map(({ position, type }) => [position, type])).toEqual(
    own.map(({ position, type }) => [position, type]),
  );
  const why = await api.expect<Why>(200, 'GET', `${path}/why`);
  expect(why).toMatchObject({ status: state?.status, sentence: expect.stringMatching(/\w/) });
  expect(why.chain.length).toBeGreaterThan(0);
  if (state && state.endedAt !== null) expect(why.reasonCode).toMatch(/^\w+$/);
}

/** Every lease of many is explained, and the bundle of one that was released tells the same. */
export async function expectHistoryExplained(api: Api, events: readonly RecordedEvent[]): Promise<void> {
  expect(await expectEveryLeaseExplained(api, events)).toBeGreaterThan(5);
  const { stream = '' } = events.findLast(({ type }) => type === 'LeaseReleased') ?? {};
  await expectBundleReplayed(api, stream.replace(LEASE, ''));
}

/** The bundle of a lease is replayed by the command line in a folder that has nothing else. */
export async function expectBundleReplayed(api: Api, leaseId: string): Promise<void> {
  const bundle = await api.expect<Bundle>(200, 'GET', `/api/environment-leases/${leaseId}/bundle`);
  const folder = await mkdtemp(join(tmpdir(), 'leasehold-test-bundle-'));
  try {
    const file = join(folder, 'bundle.json');
    await writeFile(file, JSON.stringify(bundle));
    const { code, out, err } = await leasehold({}, 'replay', file, '--json');
    expect([code, err]).toEqual([0, '']);
    const lines = out.trim().split('\n');
    const outcome = JSON.parse(lines.at(-1) ?? '') as { lease: LeaseJson; isSame: boolean };
    expect(lines.length).toBe(bundle.events.length + 1);
    expect(outcome.isSame).toBe(true);
    expect(outcome.lease).toEqual(await api.lease(leaseId));
    expect(await readdir(folder)).toEqual(['bundle.json']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
