import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ProjectionStatus } from '../../src/event-sourcing/projections/index.js';
import type { Api } from '../support/api.js';
import { connectionUrl, createTestDatabase, type TestDatabase } from '../support/database.js';
import { expectSoundLog, Witness } from '../support/fold-of-log.js';
import { ServiceHome, type ServiceProcess } from '../support/service.js';
import { grown } from '../support/soak.js';

const CYCLES_PER_SECOND = 200;
/** A slow machine keeps fewer a second, but never piles them up. */
const AT_ONCE = 40;
const BEFORE_MS = grown(500, 2_000);
const BETWEEN_MS = grown(100, 500);
const REBUILDS = ['leases', 'environments', 'leases'] as const;

describe('rebuilding the read models under load', () => {
  let home: ServiceHome;
  let database: TestDatabase;
  let service: ServiceProcess;
  let witness: Witness;
  beforeAll(async () => {
    [home, database] = await Promise.all([ServiceHome.empty(), createTestDatabase()]);
    service = await home.start({ DATABASE_URL: connectionUrl(database.connection) });
    witness = await Witness.of(database.connection);
  });
  afterAll(async () => {
    await witness?.close();
    await home?.close();
    await database?.drop();
  });

  test('no request fails, nobody reads what is older than his own write, and the new tables are the fold', async () => {
    const { api } = service;
    const load = await Cycles.begin(api);
    await sleep(BEFORE_MS);
    for (const name of REBUILDS) {
      const before = await statusOf(api, name);
      const { generation } = await api.expect<{ generation: number }>(202, 'POST', `/api/projections/${name}/rebuild`);
      expect(generation).toBe(before.generation + 1);
      while ((await statusOf(api, name)).generation !== generation) await sleep(20);
      await sleep(BETWEEN_MS);
    }
    // So that a load that never came about does not pass for one that nothing happened to.
    await load.reached(CYCLES_PER_SECOND);
    const { perSecond, problems } = await load.end();
    expect({ problems, perSecond }).toEqual({ problems: [], perSecond });

    const events = await witness.events();
    expectSoundLog(events);
    const caughtUp = { 'X-Min-Position': String(events.length) };
    await api.leases(randomUUID(), '', caughtUp);
    await api.environments(randomUUID(), '', caughtUp);
    await witness.expectTablesToBeTheFold(events);

    expect(await statusOf(api, 'leases')).toMatchObject({ generation: 3, state: 'live', parked: 0, old: [1, 2] });
    expect(await statusOf(api, 'environments')).toMatchObject({ generation: 2, state: 'live', parked: 0, old: [1] });
    expect(await readModelTables()).toEqual([
      'environments_g1',
      'environments_g2',
      'leases_g1',
      'leases_g2',
      'leases_g3',
    ]);
    expect(await api.expect(200, 'DELETE', '/api/projections/leases/old')).toEqual({ name: 'leases', dropped: [1, 2] });
    expect(await api.expect(200, 'DELETE', '/api/projections/environments/old')).toMatchObject({ dropped: [1] });
    expect(await readModelTables()).toEqual(['environments_g2', 'leases_g3']);
    await witness.expectTablesToBeTheFold(events);
  });

  async function readModelTables(): Promise<string[]> {
    const rows = await witness.query<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE tablename ~ '^(leases|environments)_g[0-9]+$' ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  }
});

async function statusOf(api: Api, name: string): Promise<ProjectionStatus> {
  const { items } = await api.expect<{ items: ProjectionStatus[] }>(200, 'GET', '/api/projections');
  return items.find((status) => status.name === name) as ProjectionStatus;
}

/** Leases that come and go, so many a second, and callers that look at what they have just done. */
class Cycles {
  private readonly problems: string[] = [];
  private readonly underWay = new Set<Promise<void>>();
  private readonly begunAt = performance.now();
  private cycles = 0;
  private goesOn = true;
  private readonly pacing: Promise<void>;

  private constructor(
    private readonly api: Api,
    private readonly companyId: string,
    private readonly environmentId: string,
  ) {
    this.pacing = this.pace();
  }

  static async begin(api: Api): Promise<Cycles> {
    const companyId = randomUUID();
    return new Cycles(api, companyId, (await api.createSandbox(companyId)).id);
  }

  async reached(cycles: number): Promise<void> {
    while (this.cycles < cycles && this.problems.length === 0) await sleep(20);
  }

  async end(): Promise<{ perSecond: number; problems: string[] }> {
    this.goesOn = false;
    await this.pacing;
    await Promise.all(this.underWay);
    const perSecond = Math.round((this.cycles * 1000) / (performance.now() - this.begunAt));
    return { perSecond, problems: this.problems.slice(0, 20) };
  }

  private async pace(): Promise<void> {
    for (let begun = 0; this.goesOn;) {
      const due = Math.floor(((performance.now() - this.begunAt) * CYCLES_PER_SECOND) / 1000);
      for (; begun < due && this.underWay.size < AT_ONCE; begun += 1) this.run(begun);
      await sleep(5);
    }
  }

  private run(number: number): void {
    const cycle = (number % 20 === 0 ? this.changeEnvironment(number) : this.holdLease(number)).then(
      () => void (this.cycles += 1),
      (error: unknown) => void this.problems.push(String(error)),
    );
    this.underWay.add(cycle);
    void cycle.finally(() => this.underWay.delete(cycle));
  }

  /** Acquires, looks, releases, looks: at the lease itself or at the list, in turns. */
  private async holdLease(number: number): Promise<void> {
    const runId = randomUUID();
    const environmentId = number % 2 === 0 ? this.environmentId : null;
    const { lease } = await this.api.acquire(this.companyId, { environmentId, heartbeatRunId: runId });
    if (number % 3 === 0) this.compare(await this.api.lease(lease.id), lease);
    const { released } = await this.api.releaseRun(this.companyId, runId);
    if (released.length !== 1) this.problems.push(`${released.length} leases were released instead of one`);
    const ended = released[0]?.lease;
    if (number % 3 === 1) this.compare(await this.api.lease(lease.id), ended);
    if (number % 3 === 2) {
      const { items } = await this.api.leases(this.companyId, `?heartbeatRunId=${runId}`);
      this.compare(items, [ended]);
    }
  }

  private async changeEnvironment(number: number): Promise<void> {
    const made = await this.api.createEnvironment(this.companyId, {
      name: `Sandbox ${number}`,
      driver: 'sandbox',
      config: { provider: 'fake' },
    });
    this.compare(await this.api.environment(made.id), made);
    const changed = await this.api.patchEnvironment(made.id, { description: `of cycle ${number}` });
    this.compare(
      (await this.api.environments(this.companyId)).find(({ id }) => id === made.id),
      changed,
    );
    await this.api.deleteEnvironment(made.id);
    const left = await this.api.environments(this.companyId);
    if (left.some(({ id }) => id === made.id)) this.problems.push(`${made.id} is listed after it was deleted`);
  }

  private compare(read: unknown, written: unknown): void {
    if (isDeepStrictEqual(read, written)) return;
    this.problems.push(`read ${JSON.stringify(read)} after it was written as ${JSON.stringify(written)}`);
  }
}
