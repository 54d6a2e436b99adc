import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner, type CommandPlan } from '../../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../../event-sourcing/commands/decision.js';
import type { Versioned } from '../../../event-sourcing/commands/state-store.js';
import { Clock } from '../../../event-sourcing/event-log/index.js';
import { renewLease } from '../decide-renewal.js';
import { leaseStream } from '../events.js';
import { LeaseLiveness } from '../lease-liveness.js';
import { LeaseStore } from '../lease-store.js';
import type { Lease } from '../state.js';

/** Puts off the end of a lease; answers the lease as it is then. @throws LeaseholdError lease_not_found, lease_ended */
export class RenewLease extends Command<Lease> {
  /** @param ttlSeconds from now; null: the lease's own */
  constructor(
    readonly leaseId: string,
    readonly ttlSeconds: number | null,
    readonly context: CommandContext,
  ) {
    super();
  }
}

interface RenewalPlan extends CommandPlan {
  readonly before: Versioned<Lease>;
}

@CommandHandler(RenewLease)
export class RenewLeaseHandler implements ICommandHandler<RenewLease> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly leases: LeaseStore,
    private readonly liveness: LeaseLiveness,
    private readonly clock: Clock,
  ) {}

  async execute({ leaseId, ttlSeconds, context }: RenewLease): Promise<Lease> {
    const companyId = await this.leases.companyOf(leaseId);
    const outcome = await this.runner.run(companyId, context, async (): Promise<RenewalPlan> => {
      const before = await this.leases.current(leaseId);
      const { state, version } = before;
      const renewal = factsOf(renewLease(state, ttlSeconds, context.actor, this.clock.now()));
      if (renewal.kind === 'recorded') {
        const writes = [this.leases.write(this.runner, leaseId, before, [renewal.event])];
        return { writes, guards: [], result: {}, before };
      }
      const alongside = this.liveness.renewal(leaseId, version, renewal.liveness);
      return { writes: [], guards: [{ stream: leaseStream(leaseId), version }], result: {}, alongside, before };
    });
    if (outcome.kind === 'repeated') return this.leases.asOf(leaseId, outcome.position);
    return this.leases.advance(leaseId, outcome.plan.before, outcome.events);
  }
}
