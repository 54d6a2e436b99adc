import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { EffectRequest, HeldLease } from '../src/domain/driver-contract/runtime-driver.js';
import { validateBubblewrapConfig } from '../src/runtime/drivers/sandbox/bubblewrap/bubblewrap-config.js';
import { BubblewrapDriver } from '../src/runtime/drivers/sandbox/bubblewrap/bubblewrap-driver.js';
import { newId } from '../src/event-sourcing/ids/new-id.js';
import {
  measureInRounds,
  medianMeasurement,
  medianOfRatios,
  type Contender,
  type Rounds,
  type Timed,
} from './measure.js';
import { printReport, type Row } from './report.js';
import { measureReuse, type Reuse } from './reuse.js';

const ROUNDS = 5;
const LOAD = { callers: 1, warmUpMs: 300, durationMs: 1_500 };
const HELD = 'execute in a held sandbox';
const FRESH = 'a fresh bwrap spawn';
const LIFE = 'acquire + execute + release';
const COMMAND = '/usr/bin/true';

/** Commands in bubblewrap leases by the driver, beside what a command costs that has a bwrap of its own. */
export async function benchSandbox(json: boolean): Promise<boolean> {
  const dataDir = await mkdtemp(join(tmpdir(), 'leasehold-bench-'));
  const driver = new BubblewrapDriver(dataDir);
  try {
    const lease = await acquire(driver);
    try {
      const contenders = [held(driver, lease), { name: FRESH, call: freshSpawn }, life(driver)];
      return report(await measureInRounds(contenders, LOAD, ROUNDS), await measureReuse(), json);
    } finally {
      await driver.release({ ...lease, signal: NEVER });
    }
  } finally {
    await driver.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

function report(results: readonly Rounds[], { postgres, levels }: Reuse, json: boolean): boolean {
  const rows: Row[] = results.flatMap(({ name, rounds }) => {
    const { steps, ...whole } = medianMeasurement(rounds);
    const ofSteps = Object.entries(steps).map(([step, latency]) => ({
      name: `  ${step}`,
      perSecond: null,
      ...latency,
    }));
    return [{ name, ...whole }, ...ofSteps].map((row) => ({ callers: 1, ...row }));
  });
  for (const { pastLeases, ...latency } of levels) {
    rows.push({ name: `acquire by reuse, ${pastLeases} past leases`, callers: 1, perSecond: null, ...latency });
  }
  const reuse = levels.map(({ p50Ms }) => p50Ms);
  const [inHeld, inFresh] = [HELD, FRESH].map((name) => results.find((result) => result.name === name));
  if (!inHeld || !inFresh) throw new Error('Both were to be measured.');
  return printReport(
    {
      bench: 'sandbox',
      measured: `${COMMAND} in a bubblewrap lease, by the driver; medians of ${ROUNDS} interleaved rounds; acquire by reuse of a fake sandbox through the command bus`,
      postgres,
      rows,
      checks: [
        {
          claim: `p50 of ${HELD} / of ${FRESH}`,
          measured: medianOfRatios(inHeld, inFresh, (round) => round.p50Ms),
          atMost: 0.3,
        },
        {
          claim: 'p50 of acquire by reuse, slowest / fastest number of past leases',
          measured: Math.max(...reuse) / Math.min(...reuse),
          atMost: 1.2,
        },
      ],
    },
    json,
  );
}

const NEVER = new AbortController().signal;

function request(): EffectRequest {
  const verdict = validateBubblewrapConfig({ provider: 'bubblewrap' });
  if (verdict.kind === 'invalid') throw new Error(JSON.stringify(verdict.errors));
  return {
    ...{ companyId: newId(), leaseId: newId(), effectId: newId(), environmentId: newId(), heartbeatRunId: null },
    ...{ config: verdict.config, fence: 1, endsAt: null, signal: NEVER },
  };
}

async function acquire(driver: BubblewrapDriver): Promise<HeldLease> {
  const effect = request();
  return { ...effect, ...(await driver.acquire(effect)) };
}

async function execute(driver: BubblewrapDriver, lease: HeldLease): Promise<void> {
  const [stdout, stderr] = [nowhere(), nowhere()];
  const place = { cwd: null, env: {}, stdin: null, stdout, stderr, timeoutMs: 10_000, signal: NEVER };
  const { exitCode } = await driver.execute({ lease, command: COMMAND, args: [], ...place });
  if (exitCode !== 0) throw new Error(`The command ended with ${exitCode}.`);
}

function held(driver: BubblewrapDriver, lease: HeldLease): Contender {
  return { name: HELD, call: () => execute(driver, lease) };
}

function life(driver: BubblewrapDriver): Contender {
  return {
    name: LIFE,
    async call(timed: Timed) {
      const lease = await timed('acquire', () => acquire(driver));
      await timed('execute', () => execute(driver, lease));
      await timed('release', () => driver.release({ ...lease, signal: NEVER }));
    },
  };
}

/** What the driver adds to make it safe, such as limits and another user for root, is left out: this is bwrap alone. */
async function freshSpawn(): Promise<void> {
  const args = [
    ...['--unshare-all', '--die-with-parent', '--new-session', '--clearenv', '--uid', '1000', '--gid', '1000'],
    ...['--ro-bind', '/usr', '/usr', '--symlink', 'usr/bin', '/bin', '--symlink', 'usr/lib', '/lib'],
    ...['--symlink', 'usr/lib64', '/lib64', '--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'],
    ...['--dir', '/workspace', '--chdir', '/workspace', '--', COMMAND],
  ];
  const child = spawn('bwrap', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end();
  child.stdout.resume();
  child.stderr.resume();
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`bwrap ended with ${code}.`);
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
