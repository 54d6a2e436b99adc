import type { FieldError } from '../../errors/catalogue.js';
import type {
  AcquireRequest,
  Acquisition,
  ConfigVerdict,
  JsonObject,
  ReleaseOutcome,
  RuntimeDriver,
} from '../runtime-driver.js';

interface FakeConfig extends JsonObject {
  provider: 'fake';
  image: string;
  reuseLease: boolean;
}

const DEFAULTS: FakeConfig = { provider: 'fake', image: 'ubuntu:24.04', reuseLease: false };

/** A sandbox provider that holds nothing: for trying Leasehold out and for tests of those who build on it. */
export class FakeSandboxDriver implements RuntimeDriver {
  readonly driver = 'sandbox';
  readonly provider = 'fake';
  readonly acquiring = 'immediate';

  validateConfig(given: JsonObject): ConfigVerdict {
    const config: JsonObject = { ...DEFAULTS, ...given };
    const errors: FieldError[] = Object.keys(given)
      .filter((key) => !Object.hasOwn(DEFAULTS, key))
      .map((key) => ({ field: key, message: `${key} is not a setting of the fake sandbox provider` }));
    if (config.provider !== DEFAULTS.provider) {
      errors.push({ field: 'provider', message: 'provider must be "fake"' });
    }
    if (typeof config.image !== 'string' || config.image.trim() === '' || config.image.length > 500) {
      errors.push({ field: 'image', message: 'image must be a text of 1 to 500 characters' });
    }
    if (typeof config.reuseLease !== 'boolean') {
      errors.push({ field: 'reuseLease', message: 'reuseLease must be true or false' });
    }
    return errors.length > 0 ? { kind: 'invalid', errors } : { kind: 'valid', config };
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

  release({ teardown }: { readonly teardown: JsonObject }): Promise<ReleaseOutcome> {
    return Promise.resolve(teardown['reuseLease'] === true ? 'nothing_to_clean' : 'cleaned');
  }
}
