import { accepted, type Decision } from '../../event-sourcing/commands/decision.js';
import type { FailureClass } from '../driver-contract/driver-names.js';
import type { EnvironmentFacts } from './decide.js';
import type { EnvironmentEvent } from './events.js';
import { LONGEST_WAIT_SECONDS, type EnvironmentState } from './state.js';

/** Provisioning failures in a row, of whichever leases, after which an environment takes no new ones. */
export const MOST_FAILURES = 5;

const FIRST_WAIT_SECONDS = 60;
const MOST_DOUBLINGS = 6;

/** Those that no repetition mends: the next lease would meet them too. */
const COUNTED: readonly FailureClass[] = ['auth', 'config', 'permanent'];

export function counts(failureClass: FailureClass): boolean {
  return COUNTED.includes(failureClass);
}

/** The last of the failures in a row. */
export interface LastFailure {
  readonly leaseId: string;
  readonly reasonCode: string;
}

/**
 * An environment that takes leases takes none any more. What comes back by a probe keeps its failures until a lease succeeds:
 * the next failure quarantines it again, for longer.
 */
export function quarantine(
  failures: number,
  { leaseId, reasonCode }: LastFailure,
  state: EnvironmentState,
): Decision<EnvironmentFacts> {
  if (failures < MOST_FAILURES || state.kind !== 'present') return facts([]);
  const { cordoned, status } = state.environment;
  if (cordoned !== null || status !== 'active') return facts([]);
  const waitSeconds = doubled(FIRST_WAIT_SECONDS, failures - MOST_FAILURES);
  return facts([{ type: 'EnvironmentQuarantined', data: { failures, reasonCode, leaseId, waitSeconds } }]);
}

/** A lease that was let in all the same is active, so the environment works. */
export function recover(state: EnvironmentState): Decision<EnvironmentFacts> {
  return facts(isQuarantined(state) ? [{ type: 'EnvironmentRecovered', data: {} }] : []);
}

export function isQuarantined(state: EnvironmentState): boolean {
  return state.kind === 'present' && state.environment.quarantine !== null;
}

/** Whether a quarantined environment is to be probed at `now` (ISO 8601). */
export function probeIsDue(state: EnvironmentState, now: string): boolean {
  return state.kind === 'present' && state.environment.quarantine !== null
    ? state.environment.quarantine.nextProbeAt <= now
    : false;
}

function doubled(seconds: number, times: number): number {
  return Math.min(seconds * 2 ** Math.min(times, MOST_DOUBLINGS), LONGEST_WAIT_SECONDS);
}

function facts(environment: readonly EnvironmentEvent[]): Decision<EnvironmentFacts> {
  return accepted({ environment, localEnvironment: [] });
}
