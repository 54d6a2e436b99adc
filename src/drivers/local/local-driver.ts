import type { Acquisition, ConfigVerdict, JsonObject, ReleaseOutcome, RuntimeDriver } from '../runtime-driver.js';

/** The machine that the caller runs on: there is nothing to make and nothing to take back. */
export class LocalDriver implements RuntimeDriver {
  readonly driver = 'local';
  readonly provider = null;
  readonly acquiring = 'immediate';

  validateConfig(config: JsonObject): ConfigVerdict {
    return { kind: 'valid', config };
  }

  acquire(): Promise<Acquisition> {
    return Promise.resolve({ providerLeaseId: null, metadata: {}, teardown: {} });
  }

  release(): Promise<ReleaseOutcome> {
    return Promise.resolve('nothing_to_clean');
  }
}
