import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../../event-sourcing/commands/decision.js';
import { ConfigSecrets, type ConfigPlan } from '../../secrets/config-secrets.js';
import { patchedConfig, patchEnvironment, type EnvironmentPatch } from '../decide.js';
import { EnvironmentStore } from '../environment-store.js';
import { environmentStream } from '../events.js';
import type { Environment, EnvironmentState } from '../state.js';
import { requireVersion } from './require-version.js';

/**
 * Changes what the patch names; its config is as the caller gave it, with values that become secrets. Answers with the
 * environment after the change.
 */
export class PatchEnvironment extends Command<Environment> {
  /** @param expectedVersion the version that the caller has read, or null when any will do. */
  constructor(
    readonly environmentId: string,
    readonly patch: EnvironmentPatch,
    readonly expectedVersion: number | null,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(PatchEnvironment)
export class PatchEnvironmentHandler implements ICommandHandler<PatchEnvironment> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly store: EnvironmentStore,
    private readonly secrets: ConfigSecrets,
  ) {}

  async execute({ environmentId, patch, expectedVersion, context }: PatchEnvironment): Promise<Environment> {
    const companyId = await this.store.companyOf(environmentId);
    const stream = environmentStream(environmentId);
    const outcome = await this.runner.run(companyId, context, async () => {
      const basis = await this.store.basis(companyId, environmentId);
      const { state, version } = basis.environment;
      requireVersion(expectedVersion, state);
      const planned = await this.wholeConfig(state, patch);
      const whole = planned === null ? patch : { ...patch, config: planned.config };
      const facts = factsOf(patchEnvironment(whole, state, basis.claim.state));
      const writes = this.store
        .writes(this.runner, companyId, environmentId, basis, facts)
        .map((write) => (write.stream === stream && planned?.childless ? { ...write, childless: true } : write));
      // A new value may be all that changes: it is meant for the config as it is.
      const guards = facts.environment.length === 0 ? [{ stream, version }] : [];
      return {
        writes: [...writes, ...(planned?.writes ?? [])],
        guards,
        result: {},
        alongside: planned?.alongside ?? null,
      };
    });
    return this.store.environmentAsOf(environmentId, outcome.position);
  }

  /** A patch of the driver or the config leads to a new config, which that driver must accept as a whole. */
  private async wholeConfig(state: EnvironmentState, patch: EnvironmentPatch): Promise<ConfigPlan | null> {
    if (state.kind !== 'present' || (patch.config === undefined && patch.driver === undefined)) return null;
    const { environment } = state;
    return this.secrets.planConfig({
      companyId: environment.companyId,
      environmentId: environment.id,
      stream: environmentStream(environment.id),
      environmentName: patch.name ?? environment.name,
      driver: patch.driver ?? environment.driver,
      config: patchedConfig(environment, patch),
      before: environment.config,
    });
  }
}
