import 'reflect-metadata';
import { CommandBus } from '@nestjs/cqrs';
import { newId } from '../src/event-sourcing/ids/new-id.js';
import { AppModule } from '../src/app/app.module.js';
import { readConfig } from '../src/platform/config/config.js';
import { migrate } from '../src/platform/database/data-source.js';
import { createHttpApp } from '../src/platform/http/index.js';
import { AcquireLease } from '../src/domain/leases/commands/acquire-lease.js';
import { ReleaseRunLeases } from '../src/domain/leases/commands/release-run-leases.js';
import { ANY_LEASE } from './any-lease.js';
import { measureInRounds, medianMeasurement, medianOfRatios, type Contender, type Timed } from './measure.js';
import { plainInsert } from './plain-insert.js';
import { onOwnPostgres, serverVersion, type Connection } from './own-postgres.js';
import { printReport, type Check, type Row } from './report.js';

const ROUNDS = 5;
const CYCLE = 'acquire + release';
const MAX_RESIDENT_MB = 300;

/**
 * AcquireLease and ReleaseRunLeases of local leases through the command bus of the whole service, its HTTP server and its
 * projections running, beside a plain one-row INSERT.
 */
export function benchCycle(json: boolean): Promise<boolean> {
  return onOwnPostgres(async (connection, settings) => {
    await migrate(connection);
    const app = await createHttpApp(AppModule.on(connection, readConfig(settings)));
    await app.listen(0, '127.0.0.1');
    const plain = await plainInsert(connection);
    try {
      return await run(connection, [cycle(app.get(CommandBus)), plain], json);
    } finally {
      await plain.close();
      await app.close();
    }
  });
}

async function run(connection: Connection, contenders: readonly Contender[], json: boolean): Promise<boolean> {
  const rows: Row[] = [];
  const checks: Check[] = [];
  let residentMb = 0;
  const watch = setInterval(() => {
    residentMb = Math.max(residentMb, process.memoryUsage.rss() / 2 ** 20);
  }, 50);
  for (const callers of [1, 32]) {
    const results = await measureInRounds(contenders, { callers, warmUpMs: 500, durationMs: 2_000 }, ROUNDS);
    for (const { name, rounds } of results) {
      const { steps, ...whole } = medianMeasurement(rounds);
      rows.push({ name, callers, ...whole });
      for (const [step, latency] of Object.entries(steps)) {
        rows.push({ name: `  ${step}`, callers, perSecond: null, ...latency });
      }
    }
    const [cycles, inserts] = results;
    if (!cycles || !inserts) throw new Error('Both were to be measured.');
    checks.push(
      callers === 1
        ? {
            claim: 'p50 of acquire / of the INSERT at 1 caller',
            measured: medianOfRatios(cycles, inserts, (round) => round.steps['acquire']?.p50Ms ?? round.p50Ms),
            atMost: 3,
          }
        : {
            claim: `cycles / INSERTs a second at ${callers} callers`,
            measured: medianOfRatios(cycles, inserts, (round) => round.perSecond),
            atLeast: 0.3,
          },
    );
  }
  clearInterval(watch);
  checks.push({ claim: 'resident memory of the process, MB', measured: residentMb, atMost: MAX_RESIDENT_MB });
  return printReport(
    {
      bench: 'cycle',
      measured: `AcquireLease + ReleaseRunLeases of local leases through the command bus, projections running; medians of ${ROUNDS} interleaved rounds, fsync on`,
      postgres: await serverVersion(connection),
      rows,
      checks,
    },
    json,
  );
}

function cycle(commands: CommandBus): Contender {
  const companyId = newId();
  return {
    name: CYCLE,
    async call(timed: Timed) {
      const heartbeatRunId = newId();
      const context = { actor: 'bench:cycle', correlationId: newId(), idempotency: null };
      const wish = { ...ANY_LEASE, heartbeatRunId };
      const acquired = await timed('acquire', () => commands.execute(new AcquireLease(companyId, wish, context)));
      const ending = { outcome: 'released', reasonCode: null, failureReason: null } as const;
      const { released } = await timed('release', () =>
        commands.execute(new ReleaseRunLeases(companyId, heartbeatRunId, ending, context)),
      );
      if (released[0]?.lease.id !== acquired.lease.id) throw new Error('The lease was not released.');
    },
  };
}
