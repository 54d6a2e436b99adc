import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../../event-sourcing/commands/decision.js';
import { EventLog } from '../../../event-sourcing/event-log/index.js';
import { changeCordon, type CordonWish } from '../decide-cordon.js';
import { environmentStream } from '../events.js';
import { EnvironmentStore } from '../environment-store.js';
import type { Environment } from '../state.js';
import { requireVersion } from './require-version.js';

/** Has an environment take no new leases, be empty, or take leases again. Answers with the environment after the change. */
export class ChangeCordon extends Command<Environment> {
  /** @param expectedVersion the version that the caller has read, or null when any will do. */
  constructor(
    readonly environmentId: string,
    readonly wish: CordonWish,
    readonly expectedVersion: number | null,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(ChangeCordon)
export class ChangeCordonHandler implements ICommandHandler<ChangeCordon> {
  constructor(
    private readonly log: EventLog,
    private readonly runner: CommandRunner,
    private readonly store: EnvironmentStore,
  ) {}

  async execute({ environmentId, wish, expectedVersion, context }: ChangeCordon): Promise<Environment> {
    const companyId = await this.store.companyOf(environmentId);
    const stream = environmentStream(environmentId);
    const outcome = await this.runner.run(companyId, context, async () => {
      const basis = await this.store.basis(companyId, environmentId);
      const { state } = basis.environment;
      requireVersion(expectedVersion, state);
      const isEmpty = wish.kind === 'drain' && (await this.log.read.openChildren(stream)).length === 0;
      const facts = factsOf(changeCordon(wish, state, isEmpty));
      const writes = this.store.writes(this.runner, companyId, environmentId, basis, facts);
      return { writes, guards: [], result: {} };
    });
    return this.store.environmentAsOf(environmentId, outcome.position);
  }
}
