import type { FieldError } from '../../../errors/catalogue.js';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import type {
  AcquireRequest,
  Acquisition,
  ConfigVerdict,
  ExecutionResult,
  ExecutionTarget,
  HeldLease,
  ImmediateDriver,
  JsonObject,
  ProbeRequest,
  ProbeResult,
  ReleaseOutcome,
} from '../../../domain/driver-contract/runtime-driver.js';

interface FakeConfig extends JsonObject {
  provider: 'fake';
  image: string;
  reuseLease: boolean;
}

const DEFAULTS: FakeConfig = { provider: 'fake', image: 'ubuntu:24.04', reuseLease: false };

/** A sandbox provider that holds nothing: for trying Leasehold out and for tests of those who build on it. */
export class FakeSandboxDriver implements ImmediateDriver {
  readonly driver = 'sandbox';
  readonly provider = 'fake';
  readonly acquiring = 'immediate';
  readonly displayName = 'Fake sandbox';
  readonly description = 'Holds nothing and runs nothing: for trying Leasehold out.';
  readonly capabilities = {
    supportsRunExecution: false,
    supportsSavedProbe: true,
    supportsUnsavedProbe: true,
    supportsReusableLeases: true,
  };

  readonly secretFields = [];
  readonly leaseMetadata = ['image', 'reuseLease'];

  validateConfig(given: JsonObject): ConfigVerdict {
    const config: JsonObject = { ...DEFAULTS, ...given };
    const errors: FieldError[] = Object.keys(given)
      .filter((key) => !Object.hasOwn(DEFAULTS, key))
      .map((key) => ({ field: key, message: `${key} is not a setting of the fake sandbox provider` }));
    if (config.provider !== DEFAULTS.provider) {
      errors.push({ field: 'provider', message: 'provider must be "fake"' });
    }
    if (typeof config.image !== 'string' || config.image.trim() === '' || config.image.length > 500) {
      errors.push({ field: 'image', message: 'image must be a string of 1 to 500 characters' });
    }
    if (typeof config.reuseLease !== 'boolean') {
      errors.push({ field: 'reuseLease', message: 'reuseLease must be true or false' });
    }
    return errors.length > 0 ? { kind: 'invalid', errors } : { kind: 'valid', config };
  }

  probe({ config }: ProbeRequest): Promise<ProbeResult> {
    const { image, reuseLease } = config as FakeConfig;
    return Promise.resolve({
      ok: true,
      driver: this.driver,
      summary: `The fake sandbox provider would provide a sandbox of ${image}.`,
      details: { provider: this.provider, image, reuseLease },
    });
  }

  acquire(request: AcquireRequest): Promise<Acquisition> {
    const { image, reuseLease } = request.config as FakeConfig;
    const providerLeaseId = reuseLease
      ? `sandbox://fake/${request.environmentId}`
      : `sandbox://fake/${request.heartbeatRunId ?? request.leaseId}/${request.effectId}`;
    return Promise.resolve({
      providerLeaseId,
      metadata: { provider: this.provider, image, reuseLease },
      teardown: { reuseLease },
    });
  }

  /** What it gave holds nothing, so nothing can be wrong with it. */
  resume({ config }: AcquireRequest, { providerLeaseId, teardown }: HeldLease): Promise<Acquisition> {
    const { image, reuseLease } = config as FakeConfig;
    return Promise.resolve({ providerLeaseId, metadata: { provider: this.provider, image, reuseLease }, teardown });
  }

  release({ teardown }: { readonly teardown: JsonObject }): Promise<ReleaseOutcome> {
    return Promise.resolve(teardown['reuseLease'] === true ? 'nothing_to_clean' : 'cleaned');
  }

  execute(): Promise<ExecutionResult> {
    const message = 'The fake sandbox provider runs no commands.';
    return Promise.reject(new DriverError('config', 'unsupported_operation', message, false));
  }

  executionTarget(lease: HeldLease & { readonly environmentId: string }): ExecutionTarget {
    const { environmentId, leaseId } = lease;
    return {
      kind: 'remote',
      transport: 'sandbox',
      providerKey: this.provider,
      environmentId,
      leaseId,
      remoteCwd: '/tmp',
      timeoutMs: null,
    };
  }
}
