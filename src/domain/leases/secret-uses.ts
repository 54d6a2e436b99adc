import { Injectable } from '@nestjs/common';
import type { Recorded } from '../../event-sourcing/event-log/events.js';
import { EventLog } from '../../event-sourcing/event-log/index.js';
import { environmentStream, type EnvironmentEvent } from '../environments/events.js';
import { evolveEnvironment, initialEnvironment, type EnvironmentState } from '../environments/state.js';
import type { SecretUses } from '../secrets/decide.js';
import { secretIdsIn } from '../secrets/secret-refs.js';
import type { SecretUseFinder } from '../secrets/secret-uses.js';
import type { Secret } from '../secrets/state.js';
import { leaseIdOf, type LeaseEvent } from './events.js';
import { evolveLease } from './evolve.js';
import { initialLease, isSettled, type Lease, type LeaseState } from './state.js';

/**
 * Finds the configs and the leases that refer to a secret. It asks the log alone, because a read model may lag. A provisioned
 * lease needs the secrets of its teardown; one that is not provisioned yet needs those of its environment's config at acquire.
 * Both came from the environment's config, so only environments that ever referred to the secret are read, and their open
 * leases.
 */
@Injectable()
export class LeaseSecretUses implements SecretUseFinder {
  constructor(private readonly log: EventLog) {}

  async usesOf(secret: Secret): Promise<SecretUses> {
    const uses = await Promise.all(secret.environmentIds.map((id) => this.usesUnder(secret.id, id)));
    return {
      environmentIds: uses.flatMap(({ environmentIds }) => environmentIds),
      leaseIds: uses.flatMap(({ leaseIds }) => leaseIds),
    };
  }

  private async usesUnder(secretId: string, environmentId: string): Promise<SecretUses> {
    const stream = environmentStream(environmentId);
    const states = await this.environmentByVersion(stream);
    const leases = await Promise.all((await this.log.read.openChildren(stream)).map((child) => this.lease(child)));
    const configAt = (version: number): unknown => {
      const state = states[version - 1];
      return state === undefined || state.kind === 'none' ? null : state.environment.config;
    };
    const refers = (lease: Lease): boolean => {
      const { grant } = lease;
      return secretIdsIn(grant === null ? configAt(lease.environmentVersion) : grant.teardown).has(secretId);
    };
    const present = states.at(-1);
    return {
      environmentIds:
        present?.kind === 'present' && secretIdsIn(present.environment.config).has(secretId) ? [environmentId] : [],
      leaseIds: leases.flatMap((lease) => (lease && !isSettled(lease) && refers(lease) ? [lease.id] : [])),
    };
  }

  /** The environment as it was after each of its events. */
  private async environmentByVersion(stream: string): Promise<EnvironmentState[]> {
    const states: EnvironmentState[] = [];
    for await (const event of this.log.read.stream(stream)) {
      states.push(evolveEnvironment(states.at(-1) ?? initialEnvironment, event as Recorded<EnvironmentEvent>));
    }
    return states;
  }

  private async lease(stream: string): Promise<LeaseState> {
    let lease: LeaseState = initialLease;
    for await (const event of this.log.read.stream(stream)) lease = evolveLease(lease, event as Recorded<LeaseEvent>);
    if (lease === null) throw new Error(`The lease ${leaseIdOf(stream)} is not in the log.`);
    return lease;
  }
}
