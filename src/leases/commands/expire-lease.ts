import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../commands/command-context.js';
import { CommandRunner, type CommandPlan } from '../../commands/command-runner.js';
import type { Versioned } from '../../commands/state-store.js';
import { factsOf } from '../../commands/decision.js';
import { Clock } from '../clock.js';
import { expireLease, passedDeadline } from '../decide.js';
import type { Lease } from '../state.js';
import { EffectHints } from '../effect-hints.js';
import { KeptSandboxes } from '../kept-sandboxes.js';
import { LeaseStore } from '../lease-store.js';

/** Ends a lease whose deadline has passed, and what an ended one has kept for long enough; does nothing to any other. */
export class ExpireLease extends Command<void> {
  constructor(
    readonly leaseId: string,
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
    private readonly clock: Clock,
    private readonly hints: EffectHints,
  ) {}

  async execute({ leaseId, context }: ExpireLease): Promise<void> {
    const { state: first } = await this.leases.current(leaseId);
    const outcome = await this.runner.run(first.companyId, context, async () => {
      const { state, version } = await this.leases.current(leaseId);
      const now = this.clock.now();
      // Asked before anything is taken back: the timer's hint may be older than the lease's last use.
      const before = { state, version };
      if (state.kept !== null && state.kept.until <= now) {
        return { ...NOTHING, writes: [await this.kept.discard(before, 'keeping_time_elapsed')], before };
      }
      if (passedDeadline(state, now) === null) return NOTHING;
      const { cleanup } = await this.kept.atEnd(state, 'expired');
      const events = factsOf(expireLease(state, now, cleanup));
      return { ...NOTHING, writes: [this.leases.write(this.runner, leaseId, before, events)], before };
    });
    if (outcome.kind === 'done' && outcome.plan.before) {
      this.hints.about(this.leases.advance(leaseId, outcome.plan.before, outcome.events));
    }
  }
}
