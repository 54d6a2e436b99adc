import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner, type CommandPlan } from '../../../event-sourcing/commands/command-runner.js';
import type { Versioned } from '../../../event-sourcing/commands/state-store.js';
import { EnvironmentStore } from '../../environments/environment-store.js';
import { environmentStream } from '../../environments/events.js';
import type { Environment } from '../../environments/state.js';
import { ERRORS, type ErrorCode } from '../../../errors/catalogue.js';
import { UnknownEventError, type StreamWrite } from '../../../event-sourcing/event-log/index.js';
import { releaseLease, type ReleaseWish } from '../decide.js';
import { EffectHints } from '../effect-hints.js';
import { KeptSandboxes } from '../kept-sandboxes.js';
import { LeaseStore } from '../lease-store.js';
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
  /** The environments of those leases, by id. */
  readonly environments: ReadonlyMap<string, Environment>;
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
    private readonly kept: KeptSandboxes,
    private readonly hints: EffectHints,
  ) {}

  async execute({ companyId, heartbeatRunId, wish, context }: ReleaseRunLeases): Promise<ReleasedRun> {
    const outcome = await this.runner.run(companyId, context, (fresh) =>
      this.plan(companyId, heartbeatRunId, wish, fresh),
    );
    const { position } = outcome;
    if (outcome.kind === 'done') {
      const { plan, events } = outcome;
      const released = plan.leases.map((lease) => ({
        environment: environmentIn(plan.environments, lease.terms.environmentId),
        lease: this.leases.advance(lease.id, { state: lease, version: lease.version }, events),
      }));
      for (const { lease } of released) this.hints.about(lease);
      await this.hints.aboutDiscarded(events);
      return { released, errors: plan.result.errors, position };
    }
    const { leaseIds, errors } = outcome.result;
    const released = leaseIds.map(async (leaseId) => {
      const lease = await this.leases.asOf(leaseId, position);
      return { lease, environment: await this.environments.environmentAsOf(lease.terms.environmentId, position) };
    });
    return { released: await Promise.all(released), errors, position };
  }

  private async plan(
    companyId: string,
    heartbeatRunId: string,
    wish: ReleaseWish,
    fresh: boolean,
  ): Promise<ReleasePlan> {
    const writes = new Map<string, StreamWrite>();
    const environments = new Map<string, Versioned<Environment>>();
    const errors: ReleaseError[] = [];
    const leases: Lease[] = [];
    const unfinished = await this.leases.unfinishedOfRun(companyId, heartbeatRunId);
    const ofNewer = (leaseId: string): void => {
      const code = 'recorded_by_newer_release';
      errors.push({ leaseId, code, detail: ERRORS[code].title });
    };
    unfinished.notUnderstood.forEach(ofNewer);
    for (const { state, version } of unfinished.leases) {
      const leaseId = state.id;
      const { environmentId } = state.terms;
      // Before anything that it holds is taken back.
      const environment = environments.get(environmentId) ?? (await this.understood(environmentId, fresh));
      if (environment === null) {
        ofNewer(leaseId);
        continue;
      }
      const { cleanup, writes: others } = await this.kept.atEnd(state, wish.outcome);
      const decision = releaseLease(state, wish, cleanup);
      if (decision.kind === 'refused') {
        errors.push({ leaseId, code: decision.code, detail: decision.detail });
        continue;
      }
      // It is on its way out already.
      if (decision.facts.length === 0) continue;
      environments.set(environmentId, environment);
      const own = this.leases.write(this.runner, leaseId, { state, version }, decision.facts);
      // Two that are retained may want the same older one to make room.
      for (const write of [own, ...others]) if (!writes.has(write.stream)) writes.set(write.stream, write);
      leases.push(state);
    }
    return {
      writes: [...writes.values()],
      // The answer shows the environments: they must be what they are known to be.
      guards: [...environments].map(([id, { version }]) => ({ stream: environmentStream(id), version })),
      leases,
      environments: new Map([...environments].map(([id, { state }]) => [id, state])),
      result: { leaseIds: leases.map((lease) => lease.id), errors },
    };
  }

  /** Null where only a newer release understands anything of it. */
  private async understood(environmentId: string, fresh: boolean): Promise<Versioned<Environment> | null> {
    try {
      return await this.environments.anyOf(environmentId, fresh);
    } catch (error) {
      if (error instanceof UnknownEventError) return null;
      throw error;
    }
  }
}

function environmentIn(environments: ReadonlyMap<string, Environment>, environmentId: string): Environment {
  const environment = environments.get(environmentId);
  if (!environment) throw new Error(`The environment ${environmentId} was not read.`);
  return environment;
}
