import type { EnvironmentDriver } from './driver-names.js';
import { LeaseholdError } from '../../errors/catalogue.js';
import { DriverError } from './driver-error.js';
import { failureText } from './failure-text.js';
import type { ConfigVerdict, JsonObject, RuntimeDriver } from './runtime-driver.js';

/** The drivers that this service has. */
export class DriverRegistry {
  constructor(readonly drivers: readonly RuntimeDriver[]) {}

  /**
   * The driver for an environment of this kind with this config.
   * @throws LeaseholdError validation_failed when a sandbox names no provider, unsupported_environment when there is none.
   */
  forConfig(driver: EnvironmentDriver, config: JsonObject): RuntimeDriver {
    if (driver === 'plugin') return this.named(driver, pluginDriverName(config));
    if (driver !== 'sandbox') return this.named(driver, null);
    const provider = config['provider'];
    if (typeof provider !== 'string' || !/^[a-z0-9._-]{1,100}$/.test(provider)) {
      throw new LeaseholdError('validation_failed', 'A sandbox environment needs a provider.', {
        errors: [
          { field: 'config.provider', message: 'provider must be a string of lowercase letters, digits, ., _ and -' },
        ],
      });
    }
    return this.named(driver, provider);
  }

  /** The driver that a lease was acquired with. @throws LeaseholdError unsupported_environment */
  named(driver: EnvironmentDriver, provider: string | null): RuntimeDriver {
    const found = this.drivers.find((candidate) => candidate.driver === driver && candidate.provider === provider);
    if (found) return found;
    const kind = driver === 'plugin' ? 'plugin driver' : 'sandbox provider';
    const name = provider === null ? `driver "${driver}"` : `${kind} "${provider}"`;
    const known = this.drivers.flatMap((one) => (one.driver === driver && one.provider !== null ? [one.provider] : []));
    const others = known.length === 0 ? '' : ` It has ${known.map((one) => `"${one}"`).join(', ')}.`;
    throw new LeaseholdError('unsupported_environment', `This service has no ${name}.${others}`);
  }

  /** Ends what the drivers keep open. */
  async close(): Promise<void> {
    await Promise.all(this.drivers.flatMap((driver) => driver.close?.() ?? []));
  }

  /**
   * The config as its driver completes it.
   * @throws LeaseholdError validation_failed, unsupported_environment, driver_unavailable
   */
  async validConfig(driver: EnvironmentDriver, config: JsonObject, companyId: string): Promise<JsonObject> {
    const found = this.forConfig(driver, config);
    const verdict = await asked(() => found.validateConfig(config, companyId));
    if (verdict.kind === 'valid') return verdict.config;
    throw new LeaseholdError('validation_failed', `The config is not valid for the driver "${driver}".`, {
      errors: verdict.errors.map(({ field, message }) => ({ field: `config.${field}`, message })),
    });
  }
}

const PLUGIN_FIELDS = ['pluginKey', 'driverKey'] as const;

/** What a plugin's driver is called among the drivers. @throws LeaseholdError validation_failed */
function pluginDriverName(config: JsonObject): string {
  const errors = PLUGIN_FIELDS.filter((field) => {
    const key = config[field];
    return typeof key !== 'string' || !/^[a-z0-9._-]{1,100}$/.test(key);
  }).map((field) => ({
    field: `config.${field}`,
    message: `${field} must be a string of lowercase letters, digits, ., _ and -`,
  }));
  if (errors.length === 0) return PLUGIN_FIELDS.map((field) => config[field]).join(':');
  throw new LeaseholdError('validation_failed', 'A plugin environment needs a plugin and a driver.', { errors });
}

/** @throws LeaseholdError driver_unavailable */
async function asked(validate: () => ConfigVerdict | Promise<ConfigVerdict>): Promise<ConfigVerdict> {
  try {
    return await validate();
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    throw new LeaseholdError('driver_unavailable', failureText(error));
  }
}
