import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../../event-sourcing/commands/decision.js';
import { EventLog } from '../../../event-sourcing/event-log/index.js';
import { ConfigSecrets } from '../../secrets/config-secrets.js';
import { deleteEnvironment } from '../decide.js';
import { EnvironmentStore } from '../environment-store.js';
import { environmentStream } from '../events.js';
import type { Environment } from '../state.js';
import { ClearLeavings } from './clear-leavings.js';
import { requireVersion } from './require-version.js';

/** Deletes an environment whose leases are all finished, with what they have left in it and the secrets that were made for it. Answers with what it was. */
export class DeleteEnvironment extends Command<Environment> {
  /** @param expectedVersion the version that the caller has read, or null when any will do. */
  constructor(
    readonly environmentId: string,
    readonly expectedVersion: number | null,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(DeleteEnvironment)
export class DeleteEnvironmentHandler implements ICommandHandler<DeleteEnvironment> {
  constructor(
    private readonly log: EventLog,
    private readonly runner: CommandRunner,
    private readonly store: EnvironmentStore,
    private readonly secrets: ConfigSecrets,
    private readonly commands: CommandBus,
  ) {}

  async execute({ environmentId, expectedVersion, context }: DeleteEnvironment): Promise<Environment> {
    const companyId = await this.store.companyOf(environmentId);
    const stream = environmentStream(environmentId);
    await this.commands.execute(new ClearLeavings(environmentId, context));
    const outcome = await this.runner.run(companyId, context, async () => {
      const basis = await this.store.basis(companyId, environmentId);
      requireVersion(expectedVersion, basis.environment.state);
      // The leases are this stream's children. One that is acquired between this question and the append makes the
      // append fail, because the write demands that there is none.
      const leases = await this.log.read.openChildren(stream);
      const decision = deleteEnvironment(basis.environment.state, leases.map(idAtEnd));
      const writes = this.store.writes(this.runner, companyId, environmentId, basis, factsOf(decision));
      const { state } = basis.environment;
      const before = state.kind === 'none' ? null : state.environment.config;
      const removal = await this.secrets.planRemoval({ companyId, environmentId, stream, before });
      return {
        writes: [...writes, ...removal.writes],
        guards: [],
        result: {},
        alongside: removal.alongside,
      };
    });
    return this.store.environmentAsOf(environmentId, outcome.position);
  }
}

/** Streams are named `<category>-<uuid>`. */
function idAtEnd(stream: string): string {
  return stream.slice(-36);
}
