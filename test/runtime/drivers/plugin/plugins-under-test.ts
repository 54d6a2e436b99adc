import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type {
  Acquisition,
  EffectRequest,
  HeldLease,
  JsonObject,
} from '../../../../src/domain/driver-contract/runtime-driver.js';
import { loadPlugins } from '../../../../src/runtime/drivers/plugin/load-plugins.js';
import type { PluginDriver } from '../../../../src/runtime/drivers/plugin/plugin-driver.js';

export const FAKE_PLUGIN = join(import.meta.dirname, 'fake-plugin');
export const PLAIN_PLUGIN = join(import.meta.dirname, 'plain-plugin');
export const ROGUE_PLUGIN = join(import.meta.dirname, 'rogue-plugin');
export const NEVER = new AbortController().signal;

/** What a worker needs to start and to answer, on a slow machine too. */
const READINESS_MS = 6_000;

export type Lease = HeldLease & { readonly signal: AbortSignal };

/** The drivers of plugins, and a folder for what they make. */
export class PluginsUnderTest {
  readonly companyId = randomUUID();
  /** What was written down of the workers. */
  readonly log: string[] = [];

  private constructor(
    readonly root: string,
    private readonly drivers: readonly PluginDriver[],
    log: string[],
  ) {
    this.log = log;
  }

  static async start(readinessMs = READINESS_MS): Promise<PluginsUnderTest> {
    const root = await mkdtemp(join(tmpdir(), 'leasehold-test-plugins-'));
    const log: string[] = [];
    const drivers = await loadPlugins([FAKE_PLUGIN, PLAIN_PLUGIN, ROGUE_PLUGIN], {
      secrets: { read: () => Promise.reject(new Error('No config here refers to a secret.')) },
      budgets: { readinessMs, executionMs: 60_000, transportMs: 5_000 },
      settlingMs: 300_000,
      spool: join(root, 'spool'),
      info: { instanceId: randomUUID(), hostVersion: '1.0.0' },
      write: (line) => log.push(line),
    });
    return new PluginsUnderTest(root, drivers, log);
  }

  async stop(): Promise<void> {
    await Promise.all(this.drivers.map((driver) => driver.close()));
    await rm(this.root, { recursive: true });
  }

  /** The sandbox driver of a plugin. */
  driver(provider: 'fake-plugin' | 'plain-plugin' | 'rogue'): PluginDriver {
    return this.drivers.find((driver) => driver.driver === 'sandbox' && driver.provider === provider)!;
  }

  effect(config: JsonObject, signal = NEVER): EffectRequest {
    const { companyId } = this;
    const ids = { leaseId: randomUUID(), effectId: randomUUID(), environmentId: randomUUID() };
    const whole = { root: this.root, ...config };
    return { companyId, ...ids, heartbeatRunId: randomUUID(), config: whole, fence: 1, endsAt: null, signal };
  }

  /** As if it had been acquired with this config. */
  held({ providerLeaseId, teardown }: Acquisition, config: JsonObject = {}): Lease {
    const { companyId } = this;
    const own = teardown['config'] as JsonObject;
    return {
      ...{ companyId, leaseId: randomUUID(), fence: 1, providerLeaseId, signal: NEVER },
      teardown: { ...teardown, config: { ...own, ...config } },
    };
  }

  /** Runs a command in a lease and answers with what it printed. */
  async run(
    driver: PluginDriver,
    lease: Lease,
    command: readonly string[],
    more: { readonly stdin?: Buffer; readonly bytes?: boolean } = {},
  ): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const { stdin, bytes = false } = more;
    const printed = Promise.all([text(stdout.setEncoding(bytes ? 'base64' : 'utf8')), text(stderr)]);
    const [program = '', ...args] = command;
    const input = stdin ? new PassThrough().end(stdin) : null;
    const { exitCode } = await driver
      .execute({
        ...{ lease, command: program, args, cwd: null, env: {}, stdin: input, stdout, stderr, bytes },
        ...{ timeoutMs: 30_000, signal: NEVER },
      })
      .finally(() => [stdout, stderr].forEach((stream) => stream.end()));
    const [out, err] = await printed;
    return { exitCode, stdout: out, stderr: err };
  }
}
