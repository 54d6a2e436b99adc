import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Environment } from '../../src/domain/environments/state.js';
import type { RecordedEvent } from '../../src/event-sourcing/event-log/index.js';
import { leaseJson, type LeaseJson } from '../../src/domain/leases/lease-json.js';
import { leaseProjection } from '../../src/domain/leases/lease-projection.js';
import { foldAll } from '../../src/event-sourcing/projections/index.js';
import type { Acquired, Api, ReleasedRun } from '../support/api.js';
import { expectEveryLeaseExplained } from '../audit/history/expect-explained.js';
import { expectSoundLog, Witness } from '../support/fold-of-log.js';
import { ServiceHome, type ServiceProcess } from '../support/service.js';
import { grown } from '../support/soak.js';
import { Load, sendCommand, type SentCommand } from './commands-under-load.js';

const KILLS = grown(3, 20);
const CALLERS = 8;
/** Acknowledged commands, so that a slow machine gets as much done as a fast one. */
const [LEAST_LOAD, MOST_LOAD] = [CALLERS, 6 * CALLERS];
const COMPANIES = [randomUUID(), randomUUID(), randomUUID()];

const COMPLETE = ['active', 'released', 'expired', 'failed', 'retained'];

describe(`a service that is killed under load, ${KILLS} times in a row`, () => {
  let home: ServiceHome;
  let witness: Witness | undefined;
  beforeAll(async () => {
    home = await ServiceHome.make();
  });
  afterAll(async () => {
    await witness?.close();
    await home?.close();
  });

  test('keeps every acknowledged command, no lease is half made or without an explanation, and the read models are the fold of the log', async () => {
    let service = await home.start();
    const postmaster = await home.postmaster();
    const seen = (witness = await Witness.of(await home.connection()));
    const held = new Map<string, LeaseJson>();
    const totals = { acknowledged: 0, interrupted: 0, killsThatInterrupted: 0 };

    for (let kill = 1; kill <= KILLS; kill += 1) {
      const { commands, refusals } = await killedUnderLoad(service);
      service = await home.start();
      expect(service.output).toContain('joined the running embedded Postgres');
      expect(await home.postmaster()).toBe(postmaster);

      const acknowledged = commands.filter(({ answer }) => answer !== null);
      const interrupted = commands.filter(({ answer }) => answer === null);
      totals.acknowledged += acknowledged.length;
      totals.interrupted += interrupted.length;
      if (interrupted.length > 0) totals.killsThatInterrupted += 1;
      expect(refusals).toEqual([]);
      for (const lease of acknowledged.flatMap(leasesOf)) {
        if ((held.get(lease.id)?.version ?? 0) < lease.version) held.set(lease.id, lease);
      }

      const { api } = service;
      await expectNothingForgotten(api, acknowledged, held);
      for (const command of interrupted) {
        const answer = await sendCommand(api, command);
        expect(answer?.status).toBe(command.kind === 'acquire' || command.kind === 'create environment' ? 201 : 200);
        command.answer = answer?.body ?? null;
      }
      for (const command of acknowledged.slice(-5)) {
        expect((await sendCommand(api, command))?.body).toStrictEqual(command.answer);
      }

      const events = await seen.events();
      expectSoundLog(events);
      expectDoneOnce(commands, events);
      await expectEveryQueryToBeTheFold(api, seen, events);
    }

    expect(totals.acknowledged).toBeGreaterThan(KILLS * CALLERS);
    expect(await expectEveryLeaseExplained(service.api, await seen.events())).toBeGreaterThan(KILLS);
    // A kill that finds nobody waiting shows little.
    expect(totals.killsThatInterrupted).toBeGreaterThan(KILLS / 2);
    expect(await service.interrupt()).toBe(0);
    expect(await home.postmaster()).toBeNull();
  });
});

async function killedUnderLoad(service: ServiceProcess): Promise<Load> {
  const load = new Load(service.api, COMPANIES, CALLERS);
  const enough = LEAST_LOAD + Math.random() * (MOST_LOAD - LEAST_LOAD);
  while (load.acknowledged < enough && service.alive) await sleep(5);
  await sleep(Math.random() * 20);
  await service.kill();
  await load.stop();
  return load;
}

/** The first answers after the start are not older than what was acknowledged before the end. */
async function expectNothingForgotten(
  api: Api,
  acknowledged: readonly SentCommand[],
  held: ReadonlyMap<string, LeaseJson>,
): Promise<void> {
  for (const { id } of acknowledged.flatMap(leasesOf).slice(-10)) {
    const told = held.get(id) as LeaseJson;
    const now = await api.lease(id);
    // A release that was interrupted may have been recorded.
    if (now.version === told.version) expect(now).toStrictEqual(told);
    else expect(now.version).toBeGreaterThan(told.version);
  }
  for (const { answer } of acknowledged.filter(isOfEnvironment).slice(-5)) {
    const told = answer as Environment;
    expect((await api.environment(told.id)).version).toBeGreaterThanOrEqual(told.version);
  }
}

/** What each command led to is in the log, once, as it was answered. */
function expectDoneOnce(commands: readonly SentCommand[], events: readonly RecordedEvent[]): void {
  const caused = new Map<string | null, RecordedEvent[]>();
  for (const event of events) caused.set(event.correlationId, [...(caused.get(event.correlationId) ?? []), event]);
  for (const command of commands) {
    const mine = caused.get(command.id) ?? [];
    expect(placesOf(mine)).toEqual(expectedPlaces(command));
  }
}

/** `stream@version` of what says that a command was done: an acquire's two events, a release's last one of each lease. */
function placesOf(events: readonly RecordedEvent[]): string[] {
  const telling = [
    ...['LeaseRequested', 'LeaseActivated', 'LeaseReleased', 'LeaseExpired', 'LeaseFailed', 'LeaseRetained'],
    ...['EnvironmentCreated', 'EnvironmentChanged'],
  ];
  const isDefaultEnvironment = ({ data }: RecordedEvent): boolean =>
    typeof data === 'object' && data !== null && 'driver' in data && data.driver === 'local' && 'name' in data;
  return events
    .filter((event) => telling.includes(event.type) && !isDefaultEnvironment(event))
    .map(({ stream, version }) => `${stream}@${version}`)
    .sort();
}

function expectedPlaces(command: SentCommand): string[] {
  switch (command.kind) {
    case 'acquire': {
      const { lease, position } = command.answer as Acquired;
      expect(position).toBe(lease.fence + 1);
      return [`lease-${lease.id}@1`, `lease-${lease.id}@2`];
    }
    case 'release run':
      return (command.answer as ReleasedRun).released.map(({ lease }) => `lease-${lease.id}@${lease.version}`).sort();
    case 'create environment':
    case 'patch environment': {
      const { id, version } = command.answer as Environment;
      return [`environment-${id}@${version}`];
    }
  }
}

async function expectEveryQueryToBeTheFold(
  api: Api,
  witness: Witness,
  events: readonly RecordedEvent[],
): Promise<void> {
  const caughtUp = { 'X-Min-Position': String(events.length) };
  for (const companyId of COMPANIES) {
    await api.leases(companyId, '?limit=1', caughtUp);
    await api.environments(companyId, '', caughtUp);
  }
  await witness.expectTablesToBeTheFold(events);
  const folded = [...foldAll(leaseProjection, events).values()].map(({ lease }) => leaseJson(lease));
  expect(folded.filter(({ status }) => !COMPLETE.includes(status))).toEqual([]);
  for (const companyId of COMPANIES) {
    const ofCompany = folded.filter((lease) => lease.companyId === companyId).sort((a, b) => b.fence - a.fence);
    expect(await api.everyLease(companyId)).toEqual(ofCompany);
  }
}

function leasesOf({ kind, answer }: SentCommand): LeaseJson[] {
  if (kind === 'acquire') return [(answer as Acquired).lease];
  if (kind === 'release run') return (answer as ReleasedRun).released.map(({ lease }) => lease);
  return [];
}

function isOfEnvironment({ kind }: SentCommand): boolean {
  return kind === 'create environment' || kind === 'patch environment';
}
