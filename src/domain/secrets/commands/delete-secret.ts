import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../../event-sourcing/commands/decision.js';
import { deleteSecret, secretOf } from '../decide.js';
import { SecretChanges } from '../secret-changes.js';
import { SecretStore } from '../secret-store.js';
import { SECRET_USE_FINDER, type SecretUseFinder } from '../secret-uses.js';
import type { Secret } from '../state.js';

/**
 * Deletes a secret that nothing refers to, with all its values. Answers with what it was.
 * @throws LeaseholdError secret_not_found, secret_in_use
 */
export class DeleteSecret extends Command<Secret> {
  constructor(
    readonly companyId: string,
    readonly secretId: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(DeleteSecret)
export class DeleteSecretHandler implements ICommandHandler<DeleteSecret> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly store: SecretStore,
    @Inject(SECRET_USE_FINDER) private readonly finder: SecretUseFinder,
  ) {}

  async execute({ companyId, secretId, context }: DeleteSecret): Promise<Secret> {
    const outcome = await this.runner.run(companyId, context, async () => {
      const changes = new SecretChanges(this.store);
      // First the secret, then what refers to it: a config that begins to refer to it between the two writes to the
      // secret's stream, and this append is then refused. A lease refers only to what its environment's config did when
      // it was acquired, and was recorded before that config changed.
      const { state } = await changes.basis(secretId);
      const secret = secretOf(companyId, state);
      const uses = secret === null ? { environmentIds: [], leaseIds: [] } : await this.finder.usesOf(secret);
      changes.add(secretId, factsOf(deleteSecret(companyId, state, uses)));
      return { ...changes.plan(), guards: [], result: {} };
    });
    return this.store.asOf(secretId, outcome.position);
  }
}
