import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../commands/command-context.js';
import { CommandRunner } from '../../commands/command-runner.js';
import { factsOf } from '../../commands/decision.js';
import { DriverRegistry } from '../../drivers/driver-registry.js';
import { EnvironmentStore } from '../../environments/environment-store.js';
import { cleanUp } from '../cleanup.js';
import { releaseLease, type ReleaseWish } from '../decide.js';
import { EffectHints } from '../effect-hints.js';
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
    private readonly drivers: DriverRegistry,
    private readonly hints: EffectHints,
  ) {}

  async execute({ leaseId, wish, context }: ReleaseLease): Promise<AcquiredLease> {
    const { state: first } = await this.leases.current(leaseId);
    const { environmentId } = first.terms;
    const { position } = await this.runner.run(first.companyId, context, async () => {
      const { state, version } = await this.leases.current(leaseId);
      const events = factsOf(releaseLease(state, wish, await cleanUp(this.drivers, state, wish.outcome)));
      const writes = events.length > 0 ? [this.leases.write(this.runner, leaseId, { state, version }, events)] : [];
      return { writes, guards: [], result: {} };
    });
    const [environment, lease] = await Promise.all([
      this.environments.environmentAsOf(environmentId, position),
      this.leases.asOf(leaseId, position),
    ]);
    this.hints.about(lease);
    return { environment, lease, position };
  }
}
