import { setMaxListeners } from 'node:events';
import { PassThrough } from 'node:stream';
import type {
  EffectRequest,
  ExecuteRequest,
  ExecutionResult,
  HeldLease,
} from '../../../../src/domain/driver-contract/runtime-driver.js';
import { SshDriver } from '../../../../src/runtime/drivers/ssh/ssh-driver.js';
import { newId } from '../../../../src/event-sourcing/ids/new-id.js';
import { ANY_ADDRESS } from '../../../support/any-address.js';
import { startSshd, type SshdOptions, type TestSshd } from '../../../support/sshd.js';

export const NEVER = new AbortController().signal;
setMaxListeners(0, NEVER);
const BUDGETS = { readinessMs: 60_000, executionMs: 60_000, transportMs: 30_000 };

export interface Ran extends ExecutionResult {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export type Lease = HeldLease & { readonly signal: AbortSignal; readonly effect: EffectRequest };

/** A real sshd and the driver that is tried on it. */
export class HostUnderTest {
  private fence = 0;

  private constructor(
    readonly sshd: TestSshd,
    readonly driver: SshDriver,
  ) {}

  static async start(
    options: SshdOptions = {},
    candidates: readonly string[] = [],
    budgets: Partial<typeof BUDGETS> = {},
  ): Promise<HostUnderTest> {
    const sshd = await startSshd(options);
    const secrets = { read: () => Promise.resolve(sshd.privateKey) };
    return new HostUnderTest(sshd, new SshDriver(secrets, { ...BUDGETS, ...budgets }, candidates, ANY_ADDRESS));
  }

  async stop(): Promise<void> {
    await this.driver.close();
    await this.sshd.stop();
  }

  request(change: object = {}): EffectRequest {
    const { host, port, username, workspace: remoteWorkspacePath, knownHosts } = this.sshd;
    const privateKeySecretRef = { type: 'secret_ref', secretId: newId(), version: 'latest' };
    const verdict = this.driver.validateConfig({
      ...{ host, port, username, remoteWorkspacePath, knownHosts, privateKeySecretRef },
      ...change,
    });
    if (verdict.kind === 'invalid') throw new Error(JSON.stringify(verdict.errors));
    this.fence += 1;
    return {
      ...{ companyId: newId(), leaseId: newId(), effectId: newId(), environmentId: newId(), heartbeatRunId: null },
      ...{ config: verdict.config, fence: this.fence, endsAt: null, signal: NEVER },
    };
  }

  async acquire(change: object = {}): Promise<Lease> {
    const effect = this.request(change);
    const { providerLeaseId, teardown } = await this.driver.acquire(effect);
    const { companyId, leaseId, fence } = effect;
    return { companyId, leaseId, fence, providerLeaseId, teardown, signal: NEVER, effect };
  }

  async execute(lease: HeldLease, wish: Partial<ExecuteRequest> & { command: string }): Promise<Ran> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const [out, err] = [stdout.toArray(), stderr.toArray()] as [Promise<Buffer[]>, Promise<Buffer[]>];
    const defaults = { args: [], cwd: null, env: {}, stdin: null, timeoutMs: 20_000, signal: NEVER, stdout, stderr };
    const result = await this.driver.execute({ lease, ...defaults, ...wish }).finally(() => {
      stdout.end();
      stderr.end();
    });
    return { ...result, stdout: Buffer.concat(await out), stderr: Buffer.concat(await err) };
  }
}
