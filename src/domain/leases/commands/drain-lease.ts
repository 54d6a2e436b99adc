import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner, type CommandPlan } from '../../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../../event-sourcing/commands/decision.js';
import type { Versioned } from '../../../event-sourcing/commands/state-store.js';
import type { StreamWrite } from '../../../event-sourcing/event-log/index.js';
import { drainDeadline } from '../../environments/decide-cordon.js';
import { EnvironmentStore } from '../../environments/environment-store.js';
import { environmentStream } from '../../environments/events.js';
import { drainLease } from '../decide.js';
import { EffectHints } from '../effect-hints.js';
import { KeptSandboxes } from '../kept-sandboxes.js';
import { LeaseStore } from '../lease-store.js';
import { isKeeping } from '../reuse.js';
import type { Lease } from '../state.js';

/** Ends a lease at the deadline of its environment's drain, or discards its kept sandbox. Does nothing if neither is due. */
export class DrainLease extends Command<void> {
  constructor(
    readonly leaseId: string,
    /** By Postgres's clock (ISO 8601). */
    readonly now: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

interface DrainPlan extends CommandPlan {
  readonly before: Versioned<Lease> | null;
}

const NOTHING: DrainPlan = { writes: [], guards: [], result: {}, before: null };

@CommandHandler(DrainLease)
export class DrainLeaseHandler implements ICommandHandler<DrainLease> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly environments: EnvironmentStore,
    private readonly leases: LeaseStore,
    private readonly kept: KeptSandboxes,
    private readonly hints: EffectHints,
  ) {}

  async execute({ leaseId, now, context }: DrainLease): Promise<void> {
    const { state: first } = await this.leases.current(leaseId);
    const stream = environmentStream(first.terms.environmentId);
    const outcome = await this.runner.run(first.companyId, context, async () => {
      const { state: environment, version } = await this.environments.environments.current(stream);
      const deadline = drainDeadline(environment, now);
      if (deadline === null) return NOTHING;
      const before = await this.leases.current(leaseId);
      const write = await this.ending(before, deadline);
      // Whoever cancels the drain meanwhile is heard.
      return write ? { ...NOTHING, writes: [write], guards: [{ stream, version }], before } : NOTHING;
    });
    if (outcome.kind === 'done' && outcome.plan.before) {
      this.hints.about(this.leases.advance(leaseId, outcome.plan.before, outcome.events));
    }
  }

  private async ending(lease: Versioned<Lease>, deadline: string): Promise<StreamWrite | null> {
    if (isKeeping(lease.state)) return this.kept.discard(lease, 'environment_drained');
    if (lease.state.endedAt !== null || lease.state.status === 'releasing') return null;
    const { cleanup } = await this.kept.atEnd(lease.state, 'expired');
    const events = factsOf(drainLease(lease.state, deadline, cleanup));
    return events.length > 0 ? this.leases.write(this.runner, lease.state.id, lease, events) : null;
  }
}
