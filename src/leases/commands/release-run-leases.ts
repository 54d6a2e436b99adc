import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../commands/command-context.js';
import { CommandRunner, type CommandPlan } from '../../commands/command-runner.js';
import { DriverRegistry } from '../../drivers/driver-registry.js';
import { EnvironmentStore } from '../../environments/environment-store.js';
import { environmentStream } from '../../environments/events.js';
import type { Environment } from '../../environments/state.js';
import type { ErrorCode } from '../../errors/catalogue.js';
import type { RecordedEvent, StreamWrite } from '../../event-log/index.js';
import { cleanUp } from '../cleanup.js';
import { releaseLease, type ReleaseWish } from '../decide.js';
import { evolved, LeaseStore } from '../lease-store.js';
import type { Lease } from '../state.js';

export interface ReleaseError {
  readonly leaseId: string;
  readonly code: ErrorCode;
  readonly detail: string;
}

export interface ReleasedRun {
  readonly released: readonly { readonly environment: Environment; readonly lease: Lease }[];
  readonly errors: readonly ReleaseError[];
  readonly position: number;
}

interface ReleasePlan extends CommandPlan {
  readonly result: { readonly leaseIds: readonly string[]; readonly errors: readonly ReleaseError[] };
  /** The leases that the plan ends, as they are before. */
  readonly leases: readonly Lease[];
}

/** Ends every unfinished lease of a run. One that cannot be ended is told of and keeps no other from ending. */
export class ReleaseRunLeases extends Command<ReleasedRun> {
  constructor(
    readonly companyId: string,
    readonly heartbeatRunId: string,
    readonly wish: ReleaseWish,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(ReleaseRunLeases)
export class ReleaseRunLeasesHandler implements ICommandHandler<ReleaseRunLeases> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly environments: EnvironmentStore,
    private readonly leases: LeaseStore,
    private readonly drivers: DriverRegistry,
  ) {}

  async execute({ companyId, heartbeatRunId, wish, context }: ReleaseRunLeases): Promise<ReleasedRun> {
    const outcome = await this.runner.run(companyId, context, () => this.plan(companyId, heartbeatRunId, wish));
    const { position } = outcome;
    if (outcome.kind === 'done') {
      const { plan, events } = outcome;
      const after = plan.leases.map((lease) => endedBy(lease, events));
      return { released: await this.withEnvironments(after), errors: plan.result.errors, position };
    }
    const { leaseIds, errors } = outcome.result;
    const released = leaseIds.map(async (leaseId) => {
      const lease = await this.leases.asOf(leaseId, position);
      return { lease, environment: await this.environments.environmentAsOf(lease.terms.environmentId, position) };
    });
    return { released: await Promise.all(released), errors, position };
  }

  private async plan(companyId: string, heartbeatRunId: string, wish: ReleaseWish): Promise<ReleasePlan> {
    const writes: StreamWrite[] = [];
    const errors: ReleaseError[] = [];
    const leases: Lease[] = [];
    for (const { state, version } of await this.leases.unfinishedOfRun(companyId, heartbeatRunId)) {
      const leaseId = state.id;
      const decision = releaseLease(state, wish, await cleanUp(this.drivers, state, wish.outcome));
      if (decision.kind === 'refused') {
        errors.push({ leaseId, code: decision.code, detail: decision.detail });
        continue;
      }
      const { environmentId } = state.terms;
      writes.push(this.leases.write(this.runner, { leaseId, environmentId, heartbeatRunId, version }, decision.facts));
      leases.push(state);
    }
    return { writes, guards: [], leases, result: { leaseIds: leases.map((lease) => lease.id), errors } };
  }

  private withEnvironments(leases: readonly Lease[]): Promise<ReleasedRun['released']> {
    return Promise.all(
      leases.map(async (lease) => {
        const { state } = await this.environments.environments.current(environmentStream(lease.terms.environmentId));
        if (state.kind === 'none') throw new Error(`The environment of the lease ${lease.id} is not in the log.`);
        return { environment: state.environment, lease };
      }),
    );
  }
}

function endedBy(lease: Lease, events: readonly RecordedEvent[]): Lease {
  return evolved(lease, events, lease.id) ?? lease;
}
