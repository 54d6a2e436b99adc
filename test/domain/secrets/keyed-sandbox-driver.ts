import { DriverError } from '../../../src/domain/driver-contract/driver-error.js';
import type { FieldError } from '../../../src/errors/catalogue.js';
import type {
  AcquireRequest,
  Acquisition,
  ConfigVerdict,
  ExecutionResult,
  ExecutionTarget,
  HeldLease,
  ImmediateDriver,
  JsonObject,
  ProbeResult,
  ReleaseOutcome,
} from '../../../src/domain/driver-contract/runtime-driver.js';

const FIELDS = ['provider', 'host', 'privateKey', 'privateKeySecretRef'];

/** A sandbox whose config has a private key, as that of an SSH host does. It needs the key until its leases are settled. */
export class KeyedSandboxDriver implements ImmediateDriver {
  readonly driver = 'sandbox';
  readonly provider = 'keyed';
  readonly acquiring = 'immediate';
  readonly displayName = 'Keyed sandbox';
  readonly description = 'Its config has a secret.';
  readonly secretFields = ['privateKey'];
  readonly capabilities = {
    supportsRunExecution: false,
    supportsSavedProbe: true,
    supportsUnsavedProbe: true,
    supportsReusableLeases: false,
  };

  validateConfig(given: JsonObject): ConfigVerdict {
    const config: JsonObject = { host: 'a.example', privateKey: null, privateKeySecretRef: null, ...given };
    const errors: FieldError[] = Object.keys(given)
      .filter((key) => !FIELDS.includes(key))
      .map((field) => ({ field, message: 'is not a setting' }));
    return errors.length > 0 ? { kind: 'invalid', errors } : { kind: 'valid', config };
  }

  probe(): Promise<ProbeResult> {
    return Promise.resolve({ ok: true, driver: this.driver, summary: 'It is there.', details: null });
  }

  acquire({ config }: AcquireRequest): Promise<Acquisition> {
    const { host, privateKeySecretRef } = config;
    return Promise.resolve({ providerLeaseId: null, metadata: { host }, teardown: { host, privateKeySecretRef } });
  }

  release(): Promise<ReleaseOutcome> {
    return Promise.resolve('cleaned');
  }

  execute(): Promise<ExecutionResult> {
    return Promise.reject(new DriverError('config', 'unsupported_operation', 'It runs nothing.', false));
  }

  executionTarget({ environmentId, leaseId }: HeldLease & { readonly environmentId: string }): ExecutionTarget {
    return { kind: 'remote', transport: 'sandbox', providerKey: this.provider, environmentId, leaseId };
  }
}
