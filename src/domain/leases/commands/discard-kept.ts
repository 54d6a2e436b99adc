import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../../event-sourcing/commands/command-runner.js';
import { EnvironmentStore } from '../../environments/environment-store.js';
import { LeaseholdError } from '../../../errors/catalogue.js';
import { EffectHints } from '../effect-hints.js';
import { KeptSandboxes } from '../kept-sandboxes.js';
import { LeaseStore } from '../lease-store.js';
import { isKeeping } from '../reuse.js';
import type { AcquiredLease } from './acquire-lease.js';

/** Has what an ended lease keeps taken down. @throws LeaseholdError lease_not_found, nothing_kept */
export class DiscardKept extends Command<AcquiredLease> {
  constructor(
    readonly leaseId: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(DiscardKept)
export class DiscardKeptHandler implements ICommandHandler<DiscardKept> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly environments: EnvironmentStore,
    private readonly leases: LeaseStore,
    private readonly kept: KeptSandboxes,
    private readonly hints: EffectHints,
  ) {}

  async execute({ leaseId, context }: DiscardKept): Promise<AcquiredLease> {
    const { state: first } = await this.leases.current(leaseId);
    const { position } = await this.runner.run(first.companyId, context, async (fresh) => {
      // The answer shows it: nothing is recorded where nothing of it is understood.
      await this.environments.anyOf(first.terms.environmentId, fresh);
      const lease = await this.leases.current(leaseId);
      if (!isKeeping(lease.state)) {
        throw new LeaseholdError('nothing_kept', 'The lease has no kept sandbox.', { leaseId });
      }
      return { writes: [await this.kept.discard(lease, 'destroyed_by_caller')], guards: [], result: {} };
    });
    const [environment, lease] = await Promise.all([
      this.environments.environmentAsOf(first.terms.environmentId, position),
      this.leases.asOf(leaseId, position),
    ]);
    this.hints.about(lease);
    return { environment, lease, position };
  }
}
