import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { newId } from '../../../event-sourcing/ids/new-id.js';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../../event-sourcing/commands/decision.js';
import { ConfigSecrets } from '../../secrets/config-secrets.js';
import { createEnvironment, type NewEnvironment } from '../decide.js';
import { EnvironmentStore } from '../environment-store.js';
import { environmentStream } from '../events.js';
import type { Environment } from '../state.js';

/** Makes an environment; its config is as the caller gave it, with values that become secrets. Answers with the environment. */
export class CreateEnvironment extends Command<Environment> {
  constructor(
    readonly companyId: string,
    readonly wanted: NewEnvironment,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(CreateEnvironment)
export class CreateEnvironmentHandler implements ICommandHandler<CreateEnvironment> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly store: EnvironmentStore,
    private readonly secrets: ConfigSecrets,
  ) {}

  async execute({ companyId, wanted, context }: CreateEnvironment): Promise<Environment> {
    const environmentId = newId();
    const outcome = await this.runner.run(companyId, context, async () => {
      const basis = await this.store.basis(companyId, environmentId);
      const {
        config,
        writes: secretWrites,
        alongside,
      } = await this.secrets.planConfig({
        companyId,
        environmentId,
        stream: environmentStream(environmentId),
        environmentName: wanted.name,
        driver: wanted.driver,
        config: wanted.config,
        before: null,
      });
      const decision = createEnvironment(
        environmentId,
        { ...wanted, config },
        basis.environment.state,
        basis.claim.state,
      );
      const writes = this.store.writes(this.runner, companyId, environmentId, basis, factsOf(decision));
      return { writes: [...writes, ...secretWrites], guards: [], result: { environmentId }, alongside };
    });
    const made = outcome.kind === 'done' ? environmentId : outcome.result.environmentId;
    return this.store.environmentAsOf(made, outcome.position);
  }
}
