import type { EnvironmentDriver } from '../environments/driver-names.js';
import { LeaseholdError } from '../errors/catalogue.js';
import type { JsonObject, RuntimeDriver } from './runtime-driver.js';

/** The drivers that this service has. */
export class DriverRegistry {
  constructor(readonly drivers: readonly RuntimeDriver[]) {}

  /**
   * The driver for an environment of this kind with this config.
   * @throws LeaseholdError validation_failed when a sandbox names no provider, unsupported_environment when there is none.
   */
  forConfig(driver: EnvironmentDriver, config: JsonObject): RuntimeDriver {
    if (driver !== 'sandbox') return this.named(driver, null);
    const provider = config['provider'];
    if (typeof provider !== 'string' || !/^[a-z0-9._-]{1,100}$/.test(provider)) {
      throw new LeaseholdError('validation_failed', 'A sandbox environment names its provider.', {
        errors: [
          { field: 'config.provider', message: 'provider must be a text of lowercase letters, digits, ., _ and -' },
        ],
      });
    }
    return this.named(driver, provider);
  }

  /** The driver that a lease was acquired with. @throws LeaseholdError unsupported_environment */
  named(driver: EnvironmentDriver, provider: string | null): RuntimeDriver {
    const found = this.drivers.find((candidate) => candidate.driver === driver && candidate.provider === provider);
    if (found) return found;
    const name = provider === null ? `driver "${driver}"` : `sandbox provider "${provider}"`;
    throw new LeaseholdError('unsupported_environment', `This service has no ${name}.`);
  }

  /** Ends what the drivers keep open. */
  async close(): Promise<void> {
    await Promise.all(this.drivers.flatMap((driver) => driver.close?.() ?? []));
  }

  /** The config as its driver completes it. @throws LeaseholdError validation_failed, unsupported_environment */
  validConfig(driver: EnvironmentDriver, config: JsonObject): JsonObject {
    const verdict = this.forConfig(driver, config).validateConfig(config);
    if (verdict.kind === 'valid') return verdict.config;
    throw new LeaseholdError('validation_failed', `The config is not one for the driver "${driver}".`, {
      errors: verdict.errors.map(({ field, message }) => ({ field: `config.${field}`, message })),
    });
  }
}
