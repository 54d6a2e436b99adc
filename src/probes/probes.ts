import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/config.js';
import { DriverRegistry } from '../drivers/driver-registry.js';
import { failureText } from '../drivers/failure-text.js';
import type { JsonObject, ProbeResult } from '../drivers/runtime-driver.js';
import type { EnvironmentDriver } from '../environments/driver-names.js';
import { EnvironmentStore } from '../environments/environment-store.js';
import { environmentStream } from '../environments/events.js';
import { LeaseholdError } from '../errors/catalogue.js';

/** What an environment that is not stored is called (SEED, "Environment"). */
const UNSAVED = 'unsaved';

/** Asks drivers what they find, within the budget for readiness. Nothing is stored. */
@Injectable()
export class Probes {
  constructor(
    private readonly environments: EnvironmentStore,
    private readonly drivers: DriverRegistry,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @throws LeaseholdError environment_not_found, unsupported_environment */
  async ofEnvironment(environmentId: string): Promise<ProbeResult> {
    const { state } = await this.environments.environments.current(environmentStream(environmentId));
    if (state.kind !== 'present') {
      throw new LeaseholdError('environment_not_found', 'There is no environment with this id.');
    }
    const { companyId, driver, config } = state.environment;
    return this.probe(companyId, environmentId, driver, config);
  }

  /** @throws LeaseholdError validation_failed, unsupported_environment */
  ofConfig(companyId: string, driver: EnvironmentDriver, config: JsonObject): Promise<ProbeResult> {
    return this.probe(companyId, UNSAVED, driver, this.drivers.validConfig(driver, config));
  }

  private async probe(
    companyId: string,
    environmentId: string,
    name: EnvironmentDriver,
    config: JsonObject,
  ): Promise<ProbeResult> {
    const driver = this.drivers.forConfig(name, config);
    const signal = AbortSignal.timeout(this.config.budgets.readinessMs);
    try {
      return await driver.probe({ companyId, environmentId, config, signal });
    } catch (error) {
      return { ok: false, driver: name, summary: failureText(error), details: null };
    }
  }
}
