import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { runLocally } from '../../../src/runtime/drivers/local/local-process.js';
import { OrphanWatch } from '../../../src/runtime/drivers/local/orphan-watch.js';
import type {
  AcquireRequest,
  Acquisition,
  ConfigVerdict,
  ExecuteRequest,
  ExecutionResult,
  ExecutionTarget,
  HeldLease,
  ImmediateDriver,
  JsonObject,
  ProbeResult,
  ReleaseOutcome,
} from '../../../src/domain/driver-contract/runtime-driver.js';

/** A provider whose sandboxes are folders of this machine, in which real processes run: all that a workspace needs of a driver. */
export class ProcessDriver implements ImmediateDriver {
  readonly driver = 'sandbox';
  readonly provider = 'process';
  readonly acquiring = 'immediate';
  readonly displayName = 'Process';
  readonly description = 'Folders, in which commands run.';
  readonly secretFields = [];
  readonly capabilities = {
    supportsRunExecution: true,
    supportsSavedProbe: true,
    supportsUnsavedProbe: true,
    supportsReusableLeases: false,
  };

  /** @param path of the PATH of what runs there; null: the test's own */
  constructor(
    private readonly root: string,
    public path: string | null = null,
  ) {}

  /** The folder of a lease. */
  folder(leaseId: string): string {
    return join(this.root, leaseId);
  }

  validateConfig(config: JsonObject): ConfigVerdict {
    return { kind: 'valid', config };
  }

  probe(): Promise<ProbeResult> {
    return Promise.resolve({ ok: true, driver: this.driver, summary: 'It is there.', details: null });
  }

  async acquire({ leaseId }: AcquireRequest): Promise<Acquisition> {
    await mkdir(this.folder(leaseId), { recursive: true });
    return { providerLeaseId: `process://${leaseId}`, metadata: {}, teardown: {} };
  }

  private readonly watch = new OrphanWatch();

  async release({ leaseId }: HeldLease): Promise<ReleaseOutcome> {
    await rm(this.folder(leaseId), { recursive: true, force: true });
    return 'cleaned';
  }

  execute(request: ExecuteRequest): Promise<ExecutionResult> {
    const cwd = resolve(this.folder(request.lease.leaseId), request.cwd ?? '.');
    const env = { HOME: '/nonexistent', ...request.env, ...(this.path !== null && { PATH: this.path }) };
    return runLocally({ ...request, cwd, env }, this.watch);
  }

  close(): Promise<void> {
    this.watch.close();
    return Promise.resolve();
  }

  executionTarget({ environmentId, leaseId }: HeldLease & { readonly environmentId: string }): ExecutionTarget {
    const remoteCwd = this.folder(leaseId);
    return { kind: 'remote', transport: 'sandbox', providerKey: this.provider, environmentId, leaseId, remoteCwd };
  }
}
