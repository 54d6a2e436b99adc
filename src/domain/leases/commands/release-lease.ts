import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../../event-sourcing/commands/decision.js';
import { EnvironmentStore } from '../../environments/environment-store.js';
import { releaseLease, type ReleaseWish } from '../decide.js';
import { EffectHints } from '../effect-hints.js';
import { KeptSandboxes } from '../kept-sandboxes.js';
import { LeaseStore } from '../lease-store.js';
import type { AcquiredLease } from './acquire-lease.js';

/** Ends a lease. One that has ended already is answered as it is. */
export class ReleaseLease extends Command<AcquiredLease> {
  constructor(
    readonly leaseId: string,
    readonly wish: ReleaseWish,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(ReleaseLease)
export class ReleaseLeaseHandler implements ICommandHandler<ReleaseLease> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly environments: EnvironmentStore,
    private readonly leases: LeaseStore,
    private readonly kept: KeptSandboxes,
    private readonly hints: EffectHints,
  ) {}

  async execute({ leaseId, wish, context }: ReleaseLease): Promise<AcquiredLease> {
    const { state: first } = await this.leases.current(leaseId);
    const { environmentId } = first.terms;
    const outcome = await this.runner.run(first.companyId, context, async (fresh) => {
      // The answer shows it: nothing is recorded where nothing of it is understood.
      await this.environments.anyOf(environmentId, fresh);
      const { state, version } = await this.leases.current(leaseId);
      const { cleanup, writes } = await this.kept.atEnd(state, wish.outcome);
      const events = factsOf(releaseLease(state, wish, cleanup));
      if (events.length === 0) return { writes: [], guards: [], result: {} };
      const own = this.leases.write(this.runner, leaseId, { state, version }, events);
      return { writes: [own, ...writes], guards: [], result: {} };
    });
    const { position } = outcome;
    const [environment, lease] = await Promise.all([
      this.environments.environmentAsOf(environmentId, position),
      this.leases.asOf(leaseId, position),
    ]);
    this.hints.about(lease);
    if (outcome.kind === 'done') await this.hints.aboutDiscarded(outcome.events);
    return { environment, lease, position };
  }
}
