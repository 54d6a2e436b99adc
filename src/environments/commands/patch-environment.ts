import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../commands/command-context.js';
import { CommandRunner } from '../../commands/command-runner.js';
import { factsOf } from '../../commands/decision.js';
import { DriverRegistry } from '../../drivers/driver-registry.js';
import { patchedConfig, patchEnvironment, type EnvironmentPatch } from '../decide.js';
import { EnvironmentStore } from '../environment-store.js';
import type { Environment } from '../state.js';
import { requireVersion } from './require-version.js';

/** Changes what the patch names; its config is as the caller gave it. Answers with the environment after the change. */
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
    private readonly drivers: DriverRegistry,
  ) {}

  async execute({ environmentId, patch, expectedVersion, context }: PatchEnvironment): Promise<Environment> {
    const companyId = await this.store.companyOf(environmentId);
    const outcome = await this.runner.run(companyId, context, async () => {
      const basis = await this.store.basis(companyId, environmentId);
      const { state, version } = basis.environment;
      requireVersion(expectedVersion, version);
      const decision = patchEnvironment(this.withWholeConfig(state, patch), state, basis.claim.state);
      const writes = this.store.writes(this.runner, companyId, environmentId, basis, factsOf(decision));
      return { writes, guards: [], result: {} };
    });
    return this.store.environmentAsOf(environmentId, outcome.position);
  }

  /** A patch of the driver or the config leads to a new config, which that driver must accept as a whole. */
  private withWholeConfig(
    state: Awaited<ReturnType<EnvironmentStore['basis']>>['environment']['state'],
    patch: EnvironmentPatch,
  ): EnvironmentPatch {
    if (state.kind !== 'present' || (patch.config === undefined && patch.driver === undefined)) return patch;
    const driver = patch.driver ?? state.environment.driver;
    return { ...patch, config: this.drivers.validConfig(driver, patchedConfig(state.environment, patch)) };
  }
}
