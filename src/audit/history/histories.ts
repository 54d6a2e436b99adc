import { Injectable } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { LeaseholdError } from '../../errors/catalogue.js';
import { environmentStream } from '../../domain/environments/events.js';
import type { EnvironmentState } from '../../domain/environments/state.js';
import { EventLog } from '../../event-sourcing/event-log/index.js';
import { leaseStream } from '../../domain/leases/events.js';
import type { LeaseJson } from '../../domain/leases/lease-json.js';
import { HeldLeases } from '../../domain/leases/queries/held-leases.js';
import type { Lease } from '../../domain/leases/state.js';
import { LEASE_SUBJECT } from './subjects.js';
import { Folding, type Step, type Subject } from './timeline.js';

/** Leases and environments with all that the log has of them: asked of the log itself, so never behind it. */
@Injectable()
export class Histories {
  constructor(
    private readonly log: EventLog,
    private readonly queries: QueryBus,
  ) {}

  /**
   * @param at up to and with this position of the log; null: all
   * @param see told each step of it, and to keep no more of it than has to be: there may be many, and large ones
   * @throws LeaseholdError lease_not_found where there is none, or was none yet
   */
  async lease(leaseId: string, at: number | null, see: (step: Step<LeaseJson>) => void): Promise<Lease> {
    const lease = await this.folded(leaseStream(leaseId), at, LEASE_SUBJECT, see);
    if (lease === null) throw new LeaseholdError('lease_not_found', 'There is no lease with this id.');
    return lease;
  }

  /**
   * An environment, a deleted one too.
   * @throws LeaseholdError environment_not_found where there was never one, or none yet
   */
  async environment<Json extends object>(
    environmentId: string,
    at: number | null,
    subject: Subject<EnvironmentState, Json>,
    see: (step: Step<Json>) => void,
  ): Promise<Exclude<EnvironmentState, { kind: 'none' }>> {
    const state = await this.folded(environmentStream(environmentId), at, subject, see);
    if (state.kind === 'none') {
      throw new LeaseholdError('environment_not_found', 'There is no environment with this id.');
    }
    return state;
  }

  private async folded<State, Json extends object>(
    stream: string,
    at: number | null,
    subject: Subject<State, Json>,
    see: (step: Step<Json>) => void,
  ): Promise<State> {
    const folding = new Folding(subject);
    for await (const event of this.log.read.stream(stream, { upTo: at })) see(folding.step(event));
    return folding.state;
  }

  /** Ids of the environment's leases that have not been taken back. */
  holders(environmentId: string, at: number | null): Promise<string[]> {
    return this.queries.execute(new HeldLeases(environmentId, at));
  }
}
