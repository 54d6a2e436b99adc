import { Inject, Injectable } from '@nestjs/common';
import type { CommandContext } from '../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../event-sourcing/commands/decision.js';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { DriverRegistry } from '../../domain/driver-contract/driver-registry.js';
import { failureText } from '../../domain/driver-contract/failure-text.js';
import type { JsonObject, ProbeResult } from '../../domain/driver-contract/runtime-driver.js';
import { recordProbe } from '../../domain/environments/decide.js';
import type { EnvironmentDriver } from '../../domain/driver-contract/driver-names.js';
import { probeIsDue } from '../../domain/environments/decide-quarantine.js';
import { EnvironmentStore } from '../../domain/environments/environment-store.js';
import { environmentStream } from '../../domain/environments/events.js';
import { LeaseholdError } from '../../errors/catalogue.js';
import { ConfigSecrets } from '../../domain/secrets/config-secrets.js';
import { findingOf } from './finding.js';

/** What an environment that is not stored is called. */
const UNSAVED = 'unsaved';

/** Asks drivers what they find, within the budget for readiness. */
@Injectable()
export class Probes {
  constructor(
    private readonly environments: EnvironmentStore,
    private readonly drivers: DriverRegistry,
    private readonly runner: CommandRunner,
    private readonly secrets: ConfigSecrets,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * What was found is in the log before it is answered.
   * @returns with it, its log position
   * @throws LeaseholdError environment_not_found, unsupported_environment, idempotency_key_reused
   */
  async ofEnvironment(
    environmentId: string,
    context: CommandContext,
  ): Promise<{ readonly result: ProbeResult; readonly position: number }> {
    const { state } = await this.environments.environments.current(environmentStream(environmentId));
    if (state.kind !== 'present') {
      throw new LeaseholdError('environment_not_found', 'There is no environment with this id.');
    }
    const { companyId, driver, config } = state.environment;
    const since = performance.now();
    const result = await this.probe(companyId, environmentId, driver, config);
    const finding = findingOf(result, Math.round(performance.now() - since));
    const outcome = await this.runner.run(companyId, context, async () => {
      const basis = await this.environments.basis(companyId, environmentId);
      const facts = factsOf(recordProbe(finding, basis.environment.state));
      const writes = this.environments.writes(this.runner, companyId, environmentId, basis, facts);
      return { writes, guards: [], result };
    });
    const { position } = outcome;
    return { result: outcome.kind === 'done' ? result : outcome.result, position };
  }

  /**
   * Probes a quarantined environment whose time has come, and records what was found unless somebody did so meanwhile.
   * @param now by Postgres's clock (ISO 8601) @param signal nothing is recorded once it is aborted
   */
  async ofQuarantined(environmentId: string, now: string, signal: AbortSignal, context: CommandContext): Promise<void> {
    const { state } = await this.environments.environments.current(environmentStream(environmentId));
    if (state.kind !== 'present' || !probeIsDue(state, now)) return;
    const { companyId, driver, config } = state.environment;
    const since = performance.now();
    // A driver that is gone, such as a plugin's, is no reason to ask each second.
    const result = await this.probe(companyId, environmentId, driver, config, signal).catch((error: unknown) =>
      unusable(driver, error),
    );
    if (signal.aborted) return;
    const finding = findingOf(result, Math.round(performance.now() - since));
    await this.runner.run(companyId, context, async () => {
      const basis = await this.environments.basis(companyId, environmentId);
      if (!probeIsDue(basis.environment.state, now)) return { writes: [], guards: [], result: {} };
      const facts = factsOf(recordProbe(finding, basis.environment.state));
      const writes = this.environments.writes(this.runner, companyId, environmentId, basis, facts);
      return { writes, guards: [], result: {} };
    });
  }

  /** Nothing is stored. @throws LeaseholdError validation_failed, unsupported_environment, driver_unavailable */
  async ofConfig(companyId: string, driver: EnvironmentDriver, config: JsonObject): Promise<ProbeResult> {
    const valid = await this.drivers.validConfig(driver, config, companyId);
    await this.secrets.requireUsableRefs(companyId, driver, valid);
    return this.probe(companyId, UNSAVED, driver, valid);
  }

  private async probe(
    companyId: string,
    environmentId: string,
    name: EnvironmentDriver,
    config: JsonObject,
    stopped?: AbortSignal,
  ): Promise<ProbeResult> {
    const driver = this.drivers.forConfig(name, config);
    const budget = AbortSignal.timeout(this.config.budgets.readinessMs);
    const signal = stopped ? AbortSignal.any([stopped, budget]) : budget;
    try {
      return await driver.probe({ companyId, environmentId, config, signal });
    } catch (error) {
      return unusable(name, error);
    }
  }
}

function unusable(driver: EnvironmentDriver, error: unknown): ProbeResult {
  return { ok: false, driver, summary: failureText(error), details: null };
}
