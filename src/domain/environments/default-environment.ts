import { Injectable } from '@nestjs/common';
import { newId } from '../../event-sourcing/ids/new-id.js';
import type { CommandContext } from '../../event-sourcing/commands/command-context.js';
import { CommandRunner, type CommandPlan } from '../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../event-sourcing/commands/decision.js';
import { createEnvironment, DEFAULT_LOCAL_ENVIRONMENT } from './decide.js';
import { EnvironmentStore } from './environment-store.js';
import { localEnvironmentStream } from './events.js';

/** A company's one local environment, made when it is first needed. */
@Injectable()
export class DefaultEnvironment {
  constructor(
    private readonly runner: CommandRunner,
    private readonly store: EnvironmentStore,
  ) {}

  /** @param fresh ask the log even where the answer is known: it may have been deleted by another process. */
  async idFor(companyId: string, context: CommandContext, fresh: boolean): Promise<string> {
    const stream = localEnvironmentStream(companyId);
    const { claims } = this.store;
    const { state } = await (fresh ? claims.current(stream) : claims.known(stream));
    return state ?? (await this.make(companyId, context));
  }

  /** Makes it, unless somebody else is faster: then theirs is the one. */
  private async make(companyId: string, context: CommandContext): Promise<string> {
    const made = newId();
    // The idempotency key of the command that needs it belongs to that command's own append.
    const commandOfItsOwn = { ...context, idempotency: null };
    const plan = async (): Promise<CommandPlan & { readonly environmentId: string }> => {
      const basis = await this.store.basis(companyId, made);
      const environmentId = basis.claim.state;
      if (environmentId !== null) return { writes: [], guards: [], result: {}, environmentId };
      const facts = factsOf(createEnvironment(made, DEFAULT_LOCAL_ENVIRONMENT, basis.environment.state, null));
      const writes = this.store.writes(this.runner, companyId, made, basis, facts);
      return { writes, guards: [], result: {}, environmentId: made };
    };
    const outcome = await this.runner.run(companyId, commandOfItsOwn, plan, { isWithinAnother: true });
    return outcome.kind === 'done' ? outcome.plan.environmentId : made;
  }
}
