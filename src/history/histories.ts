import { Injectable } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { LeaseholdError } from '../errors/catalogue.js';
import { environmentStream } from '../environments/events.js';
import {
  evolveEnvironment,
  initialEnvironment,
  type Environment,
  type EnvironmentState,
} from '../environments/state.js';
import type { EnvironmentEvent } from '../environments/events.js';
import { EventLog, type Recorded, type RecordedEvent } from '../event-log/index.js';
import { leaseStream } from '../leases/events.js';
import type { LeaseJson } from '../leases/lease-json.js';
import { HeldLeases } from '../leases/queries/held-leases.js';
import type { Lease, LeaseState } from '../leases/state.js';
import { environmentSubject, LEASE_SUBJECT } from './subjects.js';
import { stepsOf, type Step } from './timeline.js';

export interface LeaseHistory {
  readonly events: readonly RecordedEvent[];
  readonly lease: Lease;
  readonly steps: readonly Step<LeaseJson>[];
}

export interface EnvironmentHistory<Json extends object> {
  readonly events: readonly RecordedEvent[];
  readonly state: Exclude<EnvironmentState, { kind: 'none' }>;
  readonly steps: readonly Step<Json>[];
}

/** Leases and environments with all that the log has of them: asked of the log itself, so never behind it. */
@Injectable()
export class Histories {
  constructor(
    private readonly log: EventLog,
    private readonly queries: QueryBus,
  ) {}

  /**
   * @param at up to and with this position of the log; null: all
   * @throws LeaseholdError lease_not_found where there is none, or was none yet
   */
  async lease(leaseId: string, at: number | null): Promise<LeaseHistory> {
    const events = await this.events(leaseStream(leaseId), at);
    const lease = events.reduce<LeaseState>((state, event) => LEASE_SUBJECT.evolve(state, event), null);
    if (lease === null) throw new LeaseholdError('lease_not_found', 'There is no lease with this id.');
    return { events, lease, steps: stepsOf(LEASE_SUBJECT, events) };
  }

  /**
   * An environment, a deleted one too.
   * @throws LeaseholdError environment_not_found where there was never one, or none yet
   */
  async environment<Json extends object>(
    environmentId: string,
    at: number | null,
    visible: (environment: Environment) => Json,
    seesConfig: boolean,
  ): Promise<EnvironmentHistory<Json>> {
    const events = await this.events(environmentStream(environmentId), at);
    const state = events.reduce<EnvironmentState>(
      (before, event) => evolveEnvironment(before, event as Recorded<EnvironmentEvent>),
      initialEnvironment,
    );
    if (state.kind === 'none') {
      throw new LeaseholdError('environment_not_found', 'There is no environment with this id.');
    }
    return { events, state, steps: stepsOf(environmentSubject(visible, seesConfig), events) };
  }

  /** Ids of the environment's leases that have not been taken back. */
  holders(environmentId: string, at: number | null): Promise<string[]> {
    return this.queries.execute(new HeldLeases(environmentId, at));
  }

  /** The events of a stream, none where there is no such stream. */
  async events(stream: string, at: number | null): Promise<RecordedEvent[]> {
    return this.log.read.stream(stream, 0, ({ position }) => at === null || position <= at);
  }
}
