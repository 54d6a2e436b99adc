import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner, type CommandPlan } from '../../../event-sourcing/commands/command-runner.js';
import type { Versioned } from '../../../event-sourcing/commands/state-store.js';
import { factsOf } from '../../../event-sourcing/commands/decision.js';
import { expireLease } from '../decide.js';
import { dueOf, isIdleNext } from '../decide-renewal.js';
import type { Lease } from '../state.js';
import { EffectHints } from '../effect-hints.js';
import { KeptSandboxes } from '../kept-sandboxes.js';
import { LeaseLiveness } from '../lease-liveness.js';
import { LeaseStore } from '../lease-store.js';
import { isProvisioningOverdue, timeOutProvisioning } from '../provisioning-timeout.js';
import { UnderWay } from '../under-way.js';

/**
 * Does what a lease's deadlines demand: records the notice of its end, ends it, or discards its kept sandbox. Does nothing if
 * nothing is due.
 */
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
    private readonly liveness: LeaseLiveness,
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
      if (isProvisioningOverdue(state, now)) {
        const { cleanup } = await this.kept.atEnd(state, 'failed');
        const events = timeOutProvisioning(state, now, cleanup);
        return { ...NOTHING, writes: [this.leases.write(this.runner, leaseId, before, events)], before };
      }
      if (dueOf(state, now, false, null).kind === 'nothing') return NOTHING;
      const isSyncing = isIdleNext(state) && (await this.underWay.isSyncing(leaseId));
      // A row puts off the end only of a lease of which the log knows a renewal.
      const renewed = state.grant !== null && state.grant.renewal !== null;
      const liveness = renewed ? await this.liveness.of(leaseId) : null;
      const due = dueOf(state, now, isSyncing, liveness);
      if (due.kind === 'nothing') return NOTHING;
      if (due.kind === 'told') {
        return { ...NOTHING, writes: [this.leases.write(this.runner, leaseId, before, [due.event])], before };
      }
      const { cleanup } = await this.kept.atEnd(state, 'expired');
      const events = factsOf(expireLease(state, now, isSyncing, cleanup));
      const writes = [this.leases.write(this.runner, leaseId, before, events)];
      const alongside = renewed ? this.liveness.removal(leaseId, liveness) : null;
      return { ...NOTHING, writes, alongside, before };
    });
    if (outcome.kind === 'done' && outcome.plan.before) {
      this.hints.about(this.leases.advance(leaseId, outcome.plan.before, outcome.events));
    }
  }
}
