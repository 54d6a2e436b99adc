import type { EnvironmentEvent } from '../../domain/environments/events.js';
import { evolveEnvironment, initialEnvironment, type EnvironmentState } from '../../domain/environments/state.js';
import type { Recorded } from '../../event-sourcing/event-log/index.js';
import type { LeaseEvent } from '../../domain/leases/events.js';
import { leaseJson, type LeaseJson } from '../../domain/leases/lease-json.js';
import { evolveLease } from '../../domain/leases/evolve.js';
import { initialLease, type LeaseState } from '../../domain/leases/state.js';
import type { Environment } from '../../domain/environments/state.js';
import { environmentSentence } from './environment-sentences.js';
import { leaseSentence } from './lease-sentences.js';
import { portableData } from './portable-data.js';
import type { Subject } from './timeline.js';

export const LEASE_SUBJECT: Subject<LeaseState, LeaseJson> = {
  initial: initialLease,
  evolve: (state, event) => evolveLease(state, event as Recorded<LeaseEvent>),
  seen: (lease) => lease && leaseJson(lease),
  sentence: (event) => leaseSentence(event as Recorded<LeaseEvent>),
};

/**
 * @param visible what the caller may see of an environment
 * @param seesConfig whether its config is of it
 */
export function environmentSubject<Json extends object>(
  visible: (environment: Environment) => Json,
  seesConfig: boolean,
): Subject<EnvironmentState, Json> {
  return {
    initial: initialEnvironment,
    evolve: (state, event) => evolveEnvironment(state, event as Recorded<EnvironmentEvent>),
    seen: (state) => (state.kind === 'present' ? visible(state.environment) : null),
    sentence: (event) =>
      environmentSentence({ ...event, data: portableData(event, seesConfig) } as Recorded<EnvironmentEvent>),
  };
}
