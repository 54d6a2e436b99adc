import { Injectable } from '@nestjs/common';
import { LeaseholdError } from '../../errors/catalogue.js';
import { StateStore, type Versioned } from '../../event-sourcing/commands/state-store.js';
import type { CommandRunner } from '../../event-sourcing/commands/command-runner.js';
import { EventLog, type StreamWrite } from '../../event-sourcing/event-log/index.js';
import type { EnvironmentFacts } from './decide.js';
import {
  ENVIRONMENT_CATEGORY,
  environmentStream,
  LOCAL_ENVIRONMENT_CATEGORY,
  localEnvironmentStream,
  type EnvironmentEvent,
  type LocalEnvironmentEvent,
} from './events.js';
import {
  evolveEnvironment,
  evolveLocalEnvironment,
  initialEnvironment,
  type Environment,
  type EnvironmentState,
  type LocalEnvironmentClaim,
} from './state.js';

/** What a decision about an environment is made on: the environment, and which one is the company's local one. */
export interface EnvironmentBasis {
  readonly environment: Versioned<EnvironmentState>;
  readonly claim: Versioned<LocalEnvironmentClaim>;
}

/** Environments and the claims on a company's local one, as the log has them. */
@Injectable()
export class EnvironmentStore {
  readonly environments: StateStore<EnvironmentState, EnvironmentEvent>;
  readonly claims: StateStore<LocalEnvironmentClaim, LocalEnvironmentEvent>;

  constructor(log: EventLog) {
    this.environments = new StateStore(log, { initial: initialEnvironment, evolve: evolveEnvironment });
    this.claims = new StateStore<LocalEnvironmentClaim, LocalEnvironmentEvent>(log, {
      initial: null,
      evolve: evolveLocalEnvironment,
    });
  }

  async basis(companyId: string, environmentId: string): Promise<EnvironmentBasis> {
    const [environment, claim] = await Promise.all([
      this.environments.current(environmentStream(environmentId)),
      this.claims.current(localEnvironmentStream(companyId)),
    ]);
    return { environment, claim };
  }

  /** The company that an environment belongs or belonged to. @throws LeaseholdError environment_not_found */
  async companyOf(environmentId: string): Promise<string> {
    const { state } = await this.environments.asFarAsUnderstood(environmentStream(environmentId), false);
    if (state.kind === 'none') {
      throw new LeaseholdError('environment_not_found', 'There is no environment with this id.');
    }
    return state.environment.companyId;
  }

  /**
   * The environment, deleted or not; where a newer release has recorded something of it, as it was before that.
   * @param fresh read it from the log even where it is known
   * @throws UnknownEventError where nothing of it is understood
   */
  async anyOf(environmentId: string, fresh: boolean): Promise<Versioned<Environment>> {
    const stream = environmentStream(environmentId);
    const { state, version } = await this.environments.asFarAsUnderstood(stream, fresh);
    if (state.kind === 'none') throw new Error(`The environment ${environmentId} is not in the log.`);
    return { state: state.environment, version };
  }

  /** The environment as it was at a version, deleted since or not. */
  async environmentAtVersion(environmentId: string, version: number): Promise<Environment> {
    const stream = environmentStream(environmentId);
    const known = await this.environments.atLeast(stream, version);
    const state = known.version === version ? known.state : await this.environments.atVersion(stream, version);
    if (state.kind === 'none') throw new Error(`The environment ${environmentId} has no version ${version}.`);
    return state.environment;
  }

  /** The environment as it was at a position, deleted or not; before what only a newer release understands, as `anyOf`. */
  async environmentAsOf(environmentId: string, position: number): Promise<Environment> {
    const stream = environmentStream(environmentId);
    const state = (await this.environments.manyAsOf([stream], position))(stream);
    if (state.kind === 'none') throw new Error(`The environment ${environmentId} is not in the log at ${position}.`);
    return state.environment;
  }

  /** The writes that record what was decided on a basis; a stream without facts is not touched. */
  writes(
    runner: CommandRunner,
    companyId: string,
    environmentId: string,
    { environment, claim }: EnvironmentBasis,
    facts: EnvironmentFacts,
  ): StreamWrite[] {
    const writes: StreamWrite[] = [
      {
        stream: environmentStream(environmentId),
        expectedVersion: environment.version,
        category: ENVIRONMENT_CATEGORY,
        correlationKey: null,
        parent: null,
        open: !records(facts, 'EnvironmentDeleted'),
        // Said of its leases, so that one that is acquired meanwhile makes it untrue.
        childless: records(facts, 'EnvironmentDeleted', 'EnvironmentDrained'),
        events: runner.stamp(facts.environment),
      },
      {
        stream: localEnvironmentStream(companyId),
        expectedVersion: claim.version,
        category: LOCAL_ENVIRONMENT_CATEGORY,
        correlationKey: null,
        parent: null,
        open: true,
        events: runner.stamp(facts.localEnvironment),
      },
    ];
    return writes.filter((write) => write.events.length > 0);
  }
}

function records({ environment }: EnvironmentFacts, ...types: readonly EnvironmentEvent['type'][]): boolean {
  return environment.some(({ type }) => types.includes(type));
}
