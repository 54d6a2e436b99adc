import 'reflect-metadata';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { AppModule } from '../src/app/app.module.js';
import { SealKeys } from '../src/audit/seals/seal-keys.js';
import { sealNext } from '../src/audit/seals/sealing.js';
import { verifyLog } from '../src/audit/seals/verify-log.js';
import { readConfig } from '../src/platform/config/config.js';
import { migrate } from '../src/platform/database/data-source.js';
import { EventLog } from '../src/event-sourcing/event-log/index.js';
import { createHttpApp } from '../src/platform/http/index.js';
import { GetLease } from '../src/domain/leases/queries/get-lease.js';
import { ListLeases } from '../src/domain/leases/queries/list-leases.js';
import { Projections } from '../src/event-sourcing/projections/index.js';
import { followedAppends } from './followed-appends.js';
import { COMPANY, LEASES, makeHistory, type MadeHistory } from './million-events.js';
import { measureInRounds, medianMeasurement, medianOfRatios } from './measure.js';
import { onOwnPostgres, serverVersion } from './own-postgres.js';
import { printReport } from './report.js';

const ROUNDS = 5;
const LOAD = { callers: 1, warmUpMs: 300, durationMs: 1_500 };
const LOOK_EVERY_MS = 20;

/**
 * Reads as of a past position, a rebuild, a verification, and appends that are sealed and followed, on a log of a million
 * events, as a user's service has them.
 */
export function benchReplay(json: boolean): Promise<boolean> {
  return onOwnPostgres(async (connection, settings) => {
    await migrate(connection);
    const history = await makeHistory(connection);
    // It does not seal by itself: the verification is to find a sealed log, and the reads a quiet one.
    const app = await createHttpApp(AppModule.on(connection, readConfig({ ...settings, LEASEHOLD_ROLE: 'api' })));
    await app.listen(0, '127.0.0.1');
    try {
      const filled = await secondsUntilFilled(app.get(Projections), history.head, 0);
      const rebuilt = await rebuild(app.get(Projections), history.head);
      const reads = await measureReads(app, history);
      const list = await medianSeconds(() => listAsOf(app, history));
      const verified = await verification(app);
      const [live, past] = reads;
      if (!live || !past) throw new Error('Both were to be measured.');
      const followed = await followedAppends(app, await app.getUrl());
      const rows = reads.map(({ name, rounds }) => ({ name, callers: 1, ...medianMeasurement(rounds) }));
      return printReport(
        {
          bench: 'replay',
          measured: `a log of ${history.head} events, made by the bench; ${LEASES} leases of one company; first filling of the read models ${filled.toFixed(1)} s`,
          postgres: await serverVersion(connection),
          rows: [...rows, ...followed.rows],
          checks: [
            {
              claim: 'p50 of a lease as of a position / of the lease now',
              measured: medianOfRatios(past, live, (round) => round.p50Ms),
              atMost: 3,
            },
            { claim: `seconds for all ${LEASES} leases of a company as of a position`, measured: list, atMost: 1 },
            { claim: 'events a second in a rebuild', measured: history.head / rebuilt, atLeast: 50_000 },
            { claim: 'events a second in a verification of the seals', measured: verified, atLeast: 200_000 },
            followed.check,
          ],
        },
        json,
      );
    } finally {
      await app.close();
    }
  });
}

/** @returns seconds until the read model of leases has all of it, in a generation after the given one */
async function secondsUntilFilled(projections: Projections, head: number, after: number): Promise<number> {
  const began = performance.now();
  for (;;) {
    const leases = (await projections.status()).find(({ name }) => name === 'leases');
    if (leases && leases.generation > after && leases.checkpoint >= head) return (performance.now() - began) / 1_000;
    await pause(LOOK_EVERY_MS);
  }
}

async function rebuild(projections: Projections, head: number): Promise<number> {
  const before = (await projections.status()).find(({ name }) => name === 'leases')?.generation ?? 0;
  const began = performance.now();
  await projections.rebuild('leases');
  await secondsUntilFilled(projections, head, before);
  return (performance.now() - began) / 1_000;
}

function measureReads(app: INestApplicationContext, { leaseIds, middle }: MadeHistory) {
  const queries = app.get(QueryBus);
  let turn = 0;
  const next = (): string => leaseIds[(turn += 1) % leaseIds.length] ?? '';
  return measureInRounds(
    [
      { name: 'a lease now', call: () => queries.execute(new GetLease(next(), null)) },
      { name: 'a lease as of a position', call: () => queries.execute(new GetLease(next(), null, middle)) },
    ],
    LOAD,
    ROUNDS,
  );
}

async function listAsOf(app: INestApplicationContext, { middle }: MadeHistory): Promise<void> {
  const query = new ListLeases({ companyId: COMPANY }, LEASES, null, null, middle);
  const { leases } = await app.get(QueryBus).execute(query);
  if (leases.length !== LEASES || leases[0]?.status !== 'active') throw new Error('The list is not what it was then.');
}

async function medianSeconds(work: () => Promise<void>): Promise<number> {
  const seconds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = performance.now();
    await work();
    seconds.push((performance.now() - began) / 1_000);
  }
  return seconds.sort((a, b) => a - b)[ROUNDS >> 1] ?? NaN;
}

/** @returns events a second */
async function verification(app: INestApplicationContext): Promise<number> {
  const { pool } = app.get(EventLog);
  const keys = app.get(SealKeys);
  while (await sealNext(pool, keys, () => new Date()));
  const began = performance.now();
  const { ok, events } = await verifyLog(pool, { from: null, to: null, trusted: keys.trusted, kept: [] });
  if (!ok) throw new Error('The log does not match its seals.');
  return events / ((performance.now() - began) / 1_000);
}
