import { migrate } from '../src/platform/database/data-source.js';
import { HostUnderTest } from '../test/runtime/drivers/ssh/host-under-test.js';
import { startRedis } from '../test/support/redis.js';
import {
  measureInRounds,
  medianMeasurement,
  medianOfRatios,
  type Load,
  type Rounds,
  type Runnable,
} from './measure.js';
import { onOwnPostgres, serverVersion, type Connection } from './own-postgres.js';
import { printReport, type Check, type Row } from './report.js';
import { sshService } from './ssh-service.js';
import { forkedClient, pooledDriver } from './ssh-steps.js';

const STEPS: Load = { callers: 1, warmUpMs: 1_000, durationMs: 4_000 };
const STEPS_ROUNDS = 5;
const SERVICE: Load = { callers: 32, warmUpMs: 1_000, durationMs: 5_000 };
const SERVICE_ROUNDS = 3;

/**
 * The steps of a lease over the driver's pooled connections beside the same steps by forking the `ssh` client, and leases
 * through the whole service on each backend of the queue; all on one sshd on loopback.
 */
export function benchSsh(json: boolean): Promise<boolean> {
  return onOwnPostgres(async (connection) => {
    const host = await HostUnderTest.start();
    try {
      const steps = await measureSteps(host);
      const service = await measureService(connection, host);
      return printReport(
        {
          bench: 'ssh',
          measured: `acquire, execute (true) and release on one sshd on loopback; medians of ${STEPS_ROUNDS} interleaved rounds, of ${SERVICE_ROUNDS} for the service`,
          postgres: await serverVersion(connection),
          rows: [...steps.flatMap(rowsOf(STEPS.callers)), ...service.flatMap(rowsOf(SERVICE.callers))],
          checks: checksOf(steps),
        },
        json,
      );
    } finally {
      await host.stop();
    }
  });
}

async function measureSteps(host: HostUnderTest): Promise<Rounds[]> {
  const forked: Runnable[] = [];
  try {
    forked.push(await forkedClient(host.sshd, { shared: false }), await forkedClient(host.sshd, { shared: true }));
    return await measureInRounds([pooledDriver(host), ...forked], STEPS, STEPS_ROUNDS);
  } finally {
    for (const client of forked) await client.close();
  }
}

/** One backend after the other: two services on one database would do each other's work. */
async function measureService(connection: Connection, { sshd }: HostUnderTest): Promise<Rounds[]> {
  await migrate(connection);
  const redis = await startRedis();
  const results: Rounds[] = [];
  try {
    for (const redisUrl of [redis.url, null]) {
      const service = await sshService(connection, redisUrl, sshd);
      try {
        results.push(...(await measureInRounds([service], SERVICE, SERVICE_ROUNDS)));
      } finally {
        await service.close();
      }
    }
  } finally {
    await redis.stop();
  }
  return results;
}

function rowsOf(callers: number): (result: Rounds) => Row[] {
  return ({ name, rounds }) => {
    const { steps, ...whole } = medianMeasurement(rounds);
    const ofSteps = Object.entries(steps).map(([step, latency]) => ({
      name: `  ${step}`,
      callers,
      perSecond: null,
      ...latency,
    }));
    return [{ name, callers, ...whole }, ...ofSteps];
  };
}

function checksOf([driver, forked]: readonly Rounds[]): Check[] {
  if (!driver || !forked) throw new Error('Both were to be measured.');
  const faster = (step: string, atLeast: number): Check => ({
    claim: `p50 of ${step}: ${forked.name} / ${driver.name}`,
    measured: medianOfRatios(forked, driver, (round) => round.steps[step]?.p50Ms ?? NaN),
    atLeast,
  });
  return [faster('acquire', 8), faster('execute', 20)];
}
