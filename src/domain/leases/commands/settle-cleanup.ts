import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../../event-sourcing/commands/decision.js';
import { EnvironmentStore } from '../../environments/environment-store.js';
import { newId } from '../../../event-sourcing/ids/new-id.js';
import { retryCleanup, writeOffCleanup } from '../decide-effects.js';
import { EffectHints } from '../effect-hints.js';
import { LeaseStore } from '../lease-store.js';
import type { AcquiredLease } from './acquire-lease.js';

export type CleanupSettlement =
  | { readonly kind: 'retry' }
  /** `note`: why, for those who read the history. */
  | { readonly kind: 'write_off'; readonly note: string | null };

/** An operator's word on a cleanup that failed. @throws LeaseholdError lease_not_found, cleanup_not_failed */
export class SettleCleanup extends Command<AcquiredLease> {
  constructor(
    readonly leaseId: string,
    readonly settlement: CleanupSettlement,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(SettleCleanup)
export class SettleCleanupHandler implements ICommandHandler<SettleCleanup> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly environments: EnvironmentStore,
    private readonly leases: LeaseStore,
    private readonly hints: EffectHints,
  ) {}

  async execute({ leaseId, settlement, context }: SettleCleanup): Promise<AcquiredLease> {
    const { state: first } = await this.leases.current(leaseId);
    const { position } = await this.runner.run(first.companyId, context, async (fresh) => {
      // The answer shows it: nothing is recorded where nothing of it is understood.
      await this.environments.anyOf(first.terms.environmentId, fresh);
      const before = await this.leases.current(leaseId);
      const decision =
        settlement.kind === 'retry'
          ? retryCleanup(before.state, newId())
          : writeOffCleanup(before.state, settlement.note);
      const writes = [this.leases.write(this.runner, leaseId, before, factsOf(decision))];
      return { writes, guards: [], result: {} };
    });
    const [environment, lease] = await Promise.all([
      this.environments.environmentAsOf(first.terms.environmentId, position),
      this.leases.asOf(leaseId, position),
    ]);
    this.hints.about(lease);
    return { environment, lease, position };
  }
}
