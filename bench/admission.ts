import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks';
import { nextAdmission } from '../src/domain/capacity/admission.js';
import { evolvePool, type PoolChange } from '../src/domain/capacity/evolve-pool.js';
import { forecast } from '../src/domain/capacity/forecast.js';
import { defaultPolicy } from '../src/domain/capacity/policy.js';
import { emptyPool, type Pool, type Request } from '../src/domain/capacity/pool.js';
import { latencyOf } from './measure.js';
import { printReport } from './report.js';

const [COMPANIES, WAITING, SLOTS, DECISIONS, FORECASTS] = [100, 10_000, 100, 5_000, 20];
const EVERY_MS = 100;

/** One decision of who gets a free slot, in a long queue; and what follows from it for the pool. No Postgres is used. */
export function benchAdmission(json: boolean): Promise<boolean> {
  const [decided, evolved, foretold] = [createHistogram(), createHistogram(), createHistogram()];
  let pool = fullPool();
  for (let decision = 1; decision <= DECISIONS; decision += 1) {
    const at = pool.at + EVERY_MS;
    const [first] = pool.companies.values();
    const holder = [...pool.companies.values()].find(({ holds }) => holds.size > 0) ?? first;
    const [hold] = holder?.holds.values() ?? [];
    if (!hold) throw new Error('Every slot is taken.');
    pool = timed(evolved, () => evolvePool(pool, { kind: 'freed', at, hold }));
    const admission = timed(decided, () => nextAdmission(pool));
    if (admission === null) throw new Error('Somebody waits.');
    pool = timed(evolved, () => evolvePool(pool, { kind: 'admitted', at, request: admission.request }));
    pool = timed(evolved, () => evolvePool(pool, requested(WAITING + SLOTS + decision, at)));
  }
  for (let count = 0; count < FORECASTS; count += 1) timed(foretold, () => forecast(pool, COMPANIES));
  const rows = [
    { name: 'who gets a free slot', histogram: decided },
    { name: 'a request, an admission or a slot freed', histogram: evolved },
    { name: 'when each of them is likely to get one', histogram: foretold },
  ].map(({ name, histogram }) => ({ name, callers: WAITING, perSecond: null, ...latencyOf(histogram) }));
  const holds = printReport(
    {
      bench: 'admission',
      measured: `${WAITING} requests of ${COMPANIES} companies wait for ${SLOTS} slots; ${DECISIONS} decisions`,
      postgres: 'not used',
      rows,
      checks: [{ claim: 'one decision, p99 in ms', measured: rows[0]?.p99Ms ?? Infinity, atMost: 1 }],
    },
    json,
  );
  return Promise.resolve(holds);
}

function fullPool(): Pool {
  let pool = emptyPool(defaultPolicy(SLOTS));
  for (let number = 1; number <= WAITING + SLOTS; number += 1) pool = evolvePool(pool, requested(number, number));
  for (let next = nextAdmission(pool); next !== null; next = nextAdmission(pool)) {
    pool = evolvePool(pool, { kind: 'admitted', at: pool.at, request: next.request });
  }
  return pool;
}

function requested(number: number, at: number): Extract<PoolChange, { kind: 'requested' }> {
  const request: Request = {
    leaseId: `lease-${number}`,
    companyId: `company-${number % COMPANIES}`,
    environmentId: 'environment',
    priority: number % 3,
    queuedAt: at,
    position: number,
    longestHold: 3_600_000,
    expectedWait: null,
  };
  return { kind: 'requested', at, request };
}

function timed<Result>(histogram: RecordableHistogram, work: () => Result): Result {
  const begin = performance.now();
  const result = work();
  histogram.record(Math.max(1, Math.round((performance.now() - begin) * 1e6)));
  return result;
}
