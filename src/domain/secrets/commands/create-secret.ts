import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../../event-sourcing/commands/command-runner.js';
import { newId } from '../../../event-sourcing/ids/new-id.js';
import { createSecret } from '../decide.js';
import { SecretChanges } from '../secret-changes.js';
import { SecretStore } from '../secret-store.js';
import { SecretVault } from '../secret-vault.js';
import type { Secret } from '../state.js';

/** Makes a secret. Answers with all of it but the value. */
export class CreateSecret extends Command<Secret> {
  constructor(
    readonly companyId: string,
    readonly name: string,
    readonly value: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(CreateSecret)
export class CreateSecretHandler implements ICommandHandler<CreateSecret> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly store: SecretStore,
    private readonly vault: SecretVault,
  ) {}

  async execute({ companyId, name, value, context }: CreateSecret): Promise<Secret> {
    const secretId = newId();
    const outcome = await this.runner.run(companyId, context, async () => {
      const changes = new SecretChanges(this.store);
      await changes.basis(secretId);
      changes.add(secretId, createSecret(name, null));
      changes.insert(this.vault.seal(value, { companyId, secretId, version: 1 }));
      return { ...changes.plan(), guards: [], result: { secretId } };
    });
    const made = outcome.kind === 'done' ? secretId : outcome.result.secretId;
    return this.store.asOf(made, outcome.position);
  }
}
