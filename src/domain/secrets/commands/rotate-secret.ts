import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../../event-sourcing/commands/decision.js';
import { rotateSecret } from '../decide.js';
import { SecretChanges } from '../secret-changes.js';
import { SecretStore } from '../secret-store.js';
import { SecretVault } from '../secret-vault.js';
import type { Secret } from '../state.js';

/** Gives a secret a new value. Answers with all of it but the value. @throws LeaseholdError secret_not_found */
export class RotateSecret extends Command<Secret> {
  constructor(
    readonly companyId: string,
    readonly secretId: string,
    readonly value: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RotateSecret)
export class RotateSecretHandler implements ICommandHandler<RotateSecret> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly store: SecretStore,
    private readonly vault: SecretVault,
  ) {}

  async execute({ companyId, secretId, value, context }: RotateSecret): Promise<Secret> {
    const outcome = await this.runner.run(companyId, context, async () => {
      const changes = new SecretChanges(this.store);
      const { state } = await changes.basis(secretId);
      const events = factsOf(rotateSecret(companyId, state));
      changes.add(secretId, events);
      for (const { type, data } of events) {
        if (type === 'SecretRotated') changes.insert(this.vault.seal(value, { companyId, secretId, ...data }));
      }
      return { ...changes.plan(), guards: [], result: {} };
    });
    return this.store.asOf(secretId, outcome.position);
  }
}
