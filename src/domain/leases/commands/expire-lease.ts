import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner, type CommandPlan } from '../../../event-sourcing/commands/command-runner.js';
import type { Versioned } from '../../../event-sourcing/commands/state-store.js';
import { factsOf } from '../../../event-sourcing/commands/decision.js';
import { expireLease, passedDeadline } from '../decide.js';
import type { Lease } from '../state.js';
import { EffectHints } from '../effect-hints.js';
import { KeptSandboxes } from '../kept-sandboxes.js';
import { LeaseStore } from '../lease-store.js';
import { UnderWay } from '../under-way.js';

/** Ends a lease whose deadline has passed, and what an ended one has kept for long enough; does nothing to any other. */
export class ExpireLease extends Command<void> {
  constructor(
    readonly leaseId: string,
    /** By Postgres's clock (ISO 8601). */
    readonly now: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

interface ExpiryPlan extends CommandPlan {
  readonly before: Versioned<Lease> | null;
}

const NOTHING: ExpiryPlan = { writes: [], guards: [], result: {}, before: null };

@CommandHandler(ExpireLease)
export class ExpireLeaseHandler implements ICommandHandler<ExpireLease> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly leases: LeaseStore,
    private readonly kept: KeptSandboxes,
    private readonly underWay: UnderWay,
    private readonly hints: EffectHints,
  ) {}

  async execute({ leaseId, now, context }: ExpireLease): Promise<void> {
    const { state: first } = await this.leases.current(leaseId);
    const outcome = await this.runner.run(first.companyId, context, async () => {
      const { state, version } = await this.leases.current(leaseId);
      // Asked before anything is taken back: the timer's hint may be older than the lease's last use.
      const before = { state, version };
      if (state.kept !== null && state.kept.until <= now) {
        return { ...NOTHING, writes: [await this.kept.discard(before, 'keeping_time_elapsed')], before };
      }
      const isIdle = passedDeadline(state, now, false)?.reasonCode === 'idle_ttl_elapsed';
      const isSyncing = isIdle && (await this.underWay.isSyncing(leaseId));
      if (passedDeadline(state, now, isSyncing) === null) return NOTHING;
      const { cleanup } = await this.kept.atEnd(state, 'expired');
      const events = factsOf(expireLease(state, now, isSyncing, cleanup));
      return { ...NOTHING, writes: [this.leases.write(this.runner, leaseId, before, events)], before };
    });
    if (outcome.kind === 'done' && outcome.plan.before) {
      this.hints.about(this.leases.advance(leaseId, outcome.plan.before, outcome.events));
    }
  }
}
