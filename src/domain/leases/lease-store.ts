import { Injectable } from '@nestjs/common';
import { LeaseholdError } from '../../errors/catalogue.js';
import { StateStore, type Versioned } from '../../event-sourcing/commands/state-store.js';
import type { CommandRunner } from '../../event-sourcing/commands/command-runner.js';
import { environmentStream } from '../environments/events.js';
import { EventLog, type RecordedEvent, type StreamWrite } from '../../event-sourcing/event-log/index.js';
import { LEASE_CATEGORY, leaseIdOf, leaseStream, type LeaseEvent } from './events.js';
import { foldFacts } from './fold-facts.js';
import { evolveLease } from './evolve.js';
import { initialLease, isSettled, type Lease, type LeaseState } from './state.js';

/** Leases as the log has them. */
@Injectable()
export class LeaseStore {
  readonly leases: StateStore<LeaseState, LeaseEvent>;

  constructor(private readonly log: EventLog) {
    this.leases = new StateStore<LeaseState, LeaseEvent>(log, { initial: initialLease, evolve: evolveLease });
  }

  /** The lease as the log has it now. @throws LeaseholdError lease_not_found */
  async current(leaseId: string): Promise<Versioned<Lease>> {
    const { state, version } = await this.leases.current(leaseStream(leaseId));
    if (state === null) throw new LeaseholdError('lease_not_found', 'There is no lease with this id.');
    return { state, version };
  }

  /**
   * The lease as it was when it was last read: its company, terms and fence never change.
   * @throws LeaseholdError lease_not_found
   */
  async known(leaseId: string): Promise<Lease> {
    const { state } = await this.leases.known(leaseStream(leaseId));
    if (state === null) throw new LeaseholdError('lease_not_found', 'There is no lease with this id.');
    return state;
  }

  /** The company that a lease belongs to. @throws LeaseholdError lease_not_found */
  async companyOf(leaseId: string): Promise<string> {
    const { state } = await this.leases.asFarAsUnderstood(leaseStream(leaseId), false);
    if (state === null) throw new LeaseholdError('lease_not_found', 'There is no lease with this id.');
    return state.companyId;
  }

  /** The lease as it was at a position of the log. */
  async asOf(leaseId: string, position: number): Promise<Lease> {
    const state = await this.leases.asOf(leaseStream(leaseId), position);
    if (state === null) throw new Error(`The lease ${leaseId} is not in the log at ${position}.`);
    return state;
  }

  /**
   * The company's leases of a run that are not finished, as the log has them now, and the ids of those that only a newer
   * release understands.
   */
  async unfinishedOfRun(
    companyId: string,
    heartbeatRunId: string,
  ): Promise<{ leases: Versioned<Lease>[]; notUnderstood: string[] }> {
    const streams = await this.log.read.openStreamsWithKey(companyId, heartbeatRunId);
    const found = await Promise.all(streams.map(({ stream, version }) => this.leases.understood(stream, version)));
    return {
      leases: found.flatMap((lease) =>
        !lease?.state || lease.state.endedAt !== null ? [] : [{ state: lease.state, version: lease.version }],
      ),
      notUnderstood: streams.flatMap(({ stream }, place) => (found[place] === null ? [leaseIdOf(stream)] : [])),
    };
  }

  /** A lease after events that were just appended. */
  advance(leaseId: string, before: Versioned<LeaseState>, events: readonly RecordedEvent[]): Lease {
    const stream = leaseStream(leaseId);
    const { state } = this.leases.advance(stream, before, events);
    if (state === null) throw new Error(`Nothing was appended to ${stream}.`);
    if (isSettled(state)) this.leases.forget(stream);
    return state;
  }

  /** The write that records events of a lease. Its environment is the parent. */
  write(
    runner: CommandRunner,
    leaseId: string,
    { state, version }: Versioned<LeaseState>,
    events: readonly LeaseEvent[],
  ): StreamWrite {
    const after = foldFacts(leaseId, state, events);
    return {
      stream: leaseStream(leaseId),
      expectedVersion: version,
      category: LEASE_CATEGORY,
      // An ended lease is not looked for by its run any more, but what it keeps is by who may have it.
      correlationKey: after.kept?.key ?? after.terms.heartbeatRunId,
      parent: environmentStream(after.terms.environmentId),
      open: !isSettled(after),
      events: runner.stamp(events),
    };
  }
}
