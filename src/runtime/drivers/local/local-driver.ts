import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import type {
  Acquisition,
  ConfigVerdict,
  DriverCapabilities,
  ExecuteRequest,
  ExecutionResult,
  ExecutionTarget,
  HeldLease,
  ImmediateDriver,
  JsonObject,
  ProbeResult,
  ReleaseOutcome,
} from '../../../domain/driver-contract/runtime-driver.js';
import { runLocally } from './local-process.js';
import { OrphanWatch } from './orphan-watch.js';

/** The machine that the caller runs on: there is nothing to make and nothing to take back. */
export class LocalDriver implements ImmediateDriver {
  readonly driver = 'local';
  readonly provider = null;
  readonly acquiring = 'immediate';
  readonly displayName = 'Local';
  readonly description = 'The machine that the caller runs on.';
  readonly capabilities: DriverCapabilities;

  readonly secretFields = [];
  private readonly watch = new OrphanWatch();

  /** @param mayExecute whether commands may be run on the service's own machine */
  constructor(private readonly mayExecute = false) {
    this.capabilities = {
      supportsRunExecution: mayExecute,
      supportsSavedProbe: true,
      supportsUnsavedProbe: true,
      supportsReusableLeases: false,
    };
  }

  validateConfig(config: JsonObject): ConfigVerdict {
    return { kind: 'valid', config };
  }

  probe(): Promise<ProbeResult> {
    return Promise.resolve({
      ok: true,
      driver: this.driver,
      summary: 'Local work runs on the caller’s machine; there is nothing to connect to.',
      details: null,
    });
  }

  acquire(): Promise<Acquisition> {
    return Promise.resolve({ providerLeaseId: null, metadata: {}, teardown: {} });
  }

  release(): Promise<ReleaseOutcome> {
    return Promise.resolve('nothing_to_clean');
  }

  execute(request: ExecuteRequest): Promise<ExecutionResult> {
    if (this.mayExecute) return runLocally(request, this.watch);
    const message =
      'The caller runs local commands: see the execution target. LEASEHOLD_LOCAL_EXECUTE=true lets the service run them.';
    return Promise.reject(new DriverError('config', 'unsupported_operation', message, false));
  }

  executionTarget({ environmentId, leaseId }: HeldLease & { readonly environmentId: string }): ExecutionTarget {
    return { kind: 'local', environmentId, leaseId };
  }

  close(): Promise<void> {
    this.watch.close();
    return Promise.resolve();
  }
}
