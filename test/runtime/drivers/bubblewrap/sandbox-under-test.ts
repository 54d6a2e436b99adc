import { execFile } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { promisify } from 'node:util';
import type {
  Acquisition,
  EffectRequest,
  ExecuteRequest,
  ExecutionResult,
  HeldLease,
} from '../../../../src/domain/driver-contract/runtime-driver.js';
import { BubblewrapDriver } from '../../../../src/runtime/drivers/sandbox/bubblewrap/bubblewrap-driver.js';
import { validateBubblewrapConfig } from '../../../../src/runtime/drivers/sandbox/bubblewrap/bubblewrap-config.js';
import { markOf } from '../../../../src/runtime/drivers/sandbox/bubblewrap/running-sandbox.js';
import { ALONE, type SandboxSettings } from '../../../../src/runtime/drivers/sandbox/bubblewrap/sandbox-settings.js';
import { findTools, type SandboxTools } from '../../../../src/runtime/drivers/sandbox/bubblewrap/sandbox-tools.js';
import { newId } from '../../../../src/event-sourcing/ids/new-id.js';

const run = promisify(execFile);
export const NEVER = new AbortController().signal;
setMaxListeners(0, NEVER);

export interface Ran extends ExecutionResult {
  readonly stdout: string;
  readonly stderr: string;
}

export type Lease = HeldLease & { readonly signal: AbortSignal; readonly effect: EffectRequest };

/** A data folder and the driver that makes sandboxes in it. */
export class SandboxesUnderTest {
  private fence = 0;

  private constructor(
    readonly dataDir: string,
    readonly driver: BubblewrapDriver,
  ) {}

  /** @param tools other ones than the machine has */
  static async start(
    tools: Partial<SandboxTools> = {},
    settings: Partial<SandboxSettings> = {},
  ): Promise<SandboxesUnderTest> {
    const dataDir = await mkdtemp(join(tmpdir(), 'leasehold-test-bwrap-'));
    return new SandboxesUnderTest(dataDir, SandboxesUnderTest.driverOn(dataDir, tools, settings));
  }

  /** Looks at the sandboxes of a service that has a data folder of its own. */
  static on(dataDir: string): SandboxesUnderTest {
    return new SandboxesUnderTest(dataDir, SandboxesUnderTest.driverOn(dataDir));
  }

  static driverOn(
    dataDir: string,
    tools: Partial<SandboxTools> = {},
    settings: Partial<SandboxSettings> = {},
  ): BubblewrapDriver {
    const found = findTools(process.env['PATH'] ?? '');
    return new BubblewrapDriver(
      dataDir,
      { ...ALONE, ...settings },
      'missing' in found ? found : { ...found, ...tools },
    );
  }

  /**
   * Ends what the driver holds; then nothing of the sandboxes may be left, but the folders of leases that have not ended.
   * @throws Error that says what is
   */
  async stop({ leasesAreLive = false } = {}): Promise<void> {
    await this.driver.close();
    const left = await (leasesAreLive ? this.processes() : this.leftovers());
    await run('rm', ['-rf', '--', this.dataDir]);
    if (left.length > 0) throw new Error(`The sandboxes have left ${left.join(', ')}.`);
  }

  /** Processes and mounts of sandboxes, and their folders and users, in the data folder. */
  async leftovers(): Promise<string[]> {
    const folders = await readdir(join(this.dataDir, 'sandboxes')).catch(() => []);
    const users = await readdir(join(this.dataDir, 'sandboxes', '.users')).catch(() => []);
    return [...(await this.processes()), ...users, ...folders.filter((name) => !name.startsWith('.'))];
  }

  /** What still runs with a folder of the sandboxes mounted, the machine's own mounts included. */
  async processes(): Promise<string[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const found = await Promise.all(
      pids.map(async (pid) => {
        const mounts = await readFile(join('/proc', pid, 'mountinfo'), 'utf8').catch(() => '');
        const words = await readFile(join('/proc', pid, 'cmdline'), 'utf8').catch(() => '');
        const isOurs = mounts.includes(`${this.dataDir}/sandboxes`) || words.includes(markOf(this.dataDir));
        if (!isOurs) return [];
        return [`${pid} ${words.replaceAll('\0', ' ').slice(0, 80)}`];
      }),
    );
    return found.flat();
  }

  request(change: object = {}): EffectRequest {
    const verdict = validateBubblewrapConfig({ provider: 'bubblewrap', ...change });
    if (verdict.kind === 'invalid') throw new Error(JSON.stringify(verdict.errors));
    this.fence += 1;
    return {
      ...{ companyId: newId(), leaseId: newId(), effectId: newId(), environmentId: newId(), heartbeatRunId: null },
      ...{ config: verdict.config, fence: this.fence, endsAt: null, signal: NEVER },
    };
  }

  async acquire(change: object = {}): Promise<Lease> {
    const effect = this.request(change);
    return leaseOf(effect, await this.driver.acquire(effect));
  }

  async execute(lease: HeldLease, wish: Partial<ExecuteRequest> & { command: string }): Promise<Ran> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const [out, err] = [stdout.toArray(), stderr.toArray()] as [Promise<Buffer[]>, Promise<Buffer[]>];
    const defaults = { args: [], cwd: null, env: {}, stdin: null, timeoutMs: 20_000, signal: NEVER, stdout, stderr };
    const result = await this.driver.execute({ lease, ...defaults, ...wish }).finally(() => {
      stdout.end();
      stderr.end();
    });
    return { ...result, stdout: Buffer.concat(await out).toString(), stderr: Buffer.concat(await err).toString() };
  }

  sh(lease: HeldLease, script: string, wish: Partial<ExecuteRequest> & { input?: string } = {}): Promise<Ran> {
    const { input, ...rest } = wish;
    const stdin = input === undefined ? null : Readable.from([Buffer.from(input)]);
    return this.execute(lease, { command: 'sh', args: ['-c', script], stdin, ...rest });
  }
}

export function leaseOf(effect: EffectRequest, { providerLeaseId, teardown }: Acquisition): Lease {
  const { companyId, leaseId, fence } = effect;
  return { companyId, leaseId, fence, providerLeaseId, teardown, signal: NEVER, effect };
}
