import { accepted, refused, type Decision } from '../../event-sourcing/commands/decision.js';
import type { EnvironmentDriver } from '../driver-contract/driver-names.js';
import type { EnvironmentStatus } from './environment-names.js';
import type { EnvironmentEvent, LocalEnvironmentEvent, ProbeFinding } from './events.js';
import type { Environment, EnvironmentState, JsonObject, LocalEnvironmentClaim } from './state.js';

/** A new environment; its driver has validated and completed `config`. */
export interface NewEnvironment {
  readonly name: string;
  readonly description: string | null;
  readonly driver: EnvironmentDriver;
  readonly config: JsonObject;
  readonly metadata: JsonObject | null;
  readonly requireFence: boolean;
  readonly provisioningTimeoutSeconds: number;
}

export type EnvironmentPatch = Partial<NewEnvironment & { readonly status: EnvironmentStatus }>;

/** Of an environment whose maker does not say otherwise. */
export const FOR_LEASES = { requireFence: false, provisioningTimeoutSeconds: 3600 } as const;

/** The facts for the environment's own stream, and those for the company's claim on its one local environment. */
export interface EnvironmentFacts {
  readonly environment: readonly EnvironmentEvent[];
  readonly localEnvironment: readonly LocalEnvironmentEvent[];
}

/** What the default environment of a company is when a lease is acquired without naming one. */
export const DEFAULT_LOCAL_ENVIRONMENT: NewEnvironment = {
  name: 'Local',
  description: 'This machine. Created on first use.',
  driver: 'local',
  config: {},
  metadata: { managed: true, default: true },
  ...FOR_LEASES,
};

export function createEnvironment(
  environmentId: string,
  wanted: NewEnvironment,
  state: EnvironmentState,
  claim: LocalEnvironmentClaim,
): Decision<EnvironmentFacts> {
  if (state.kind !== 'none') throw new Error(`The environment ${environmentId} exists already.`);
  if (wanted.driver === 'local' && claim !== null) return localEnvironmentExists(claim);
  return accepted({
    environment: [{ type: 'EnvironmentCreated', data: wanted }],
    localEnvironment: wanted.driver === 'local' ? [{ type: 'LocalEnvironmentClaimed', data: { environmentId } }] : [],
  });
}

/**
 * The config that a patch leads to, before its driver validates it: merged over the old one, unless the driver or the
 * provider changes; then the given config alone counts, so that nothing of the old one's is inherited.
 */
export function patchedConfig(environment: Environment, patch: EnvironmentPatch): JsonObject {
  const { driver = environment.driver, config = {} } = patch;
  const provider = 'provider' in config ? config['provider'] : environment.config['provider'];
  const changes =
    driver !== environment.driver || (driver === 'sandbox' && provider !== environment.config['provider']);
  return changes ? config : { ...environment.config, ...config };
}

/** @param patch its `config`, when there is one, is the whole new config: see `patchedConfig`. */
export function patchEnvironment(
  patch: EnvironmentPatch,
  state: EnvironmentState,
  claim: LocalEnvironmentClaim,
): Decision<EnvironmentFacts> {
  if (state.kind !== 'present') return refused('environment_not_found', 'There is no environment with this id.');
  const { environment } = state;
  const changes = Object.fromEntries(
    Object.entries<unknown>(patch).filter(
      ([field, value]) => value !== undefined && !sameJson(value, environment[field as keyof EnvironmentPatch]),
    ),
  ) as EnvironmentPatch;
  if (Object.keys(changes).length === 0) return accepted({ environment: [], localEnvironment: [] });
  const environmentId = environment.id;
  const localEnvironment: LocalEnvironmentEvent[] = [];
  if (changes.driver === 'local') {
    if (claim !== null) return localEnvironmentExists(claim);
    localEnvironment.push({ type: 'LocalEnvironmentClaimed', data: { environmentId } });
  } else if (changes.driver !== undefined && environment.driver === 'local') {
    localEnvironment.push({ type: 'LocalEnvironmentFreed', data: { environmentId } });
  }
  return accepted({ environment: [{ type: 'EnvironmentChanged', data: changes }], localEnvironment });
}

/** A quarantined environment that a probe finds usable takes leases again. */
export function recordProbe(finding: ProbeFinding, state: EnvironmentState): Decision<EnvironmentFacts> {
  if (state.kind !== 'present') return refused('environment_not_found', 'There is no environment with this id.');
  const probed: EnvironmentEvent = { type: 'EnvironmentProbed', data: finding };
  const recovered: EnvironmentEvent[] =
    finding.ok && state.environment.quarantine !== null ? [{ type: 'EnvironmentRecovered', data: {} }] : [];
  return accepted({ environment: [probed, ...recovered], localEnvironment: [] });
}

/** @param openLeaseIds leases of this environment that are not finished, read under the environment's lock. */
export function deleteEnvironment(
  state: EnvironmentState,
  openLeaseIds: readonly string[],
): Decision<EnvironmentFacts> {
  if (state.kind !== 'present') return refused('environment_not_found', 'There is no environment with this id.');
  if (openLeaseIds.length > 0) {
    return refused('environment_in_use', `Unfinished leases of this environment: ${openLeaseIds.length}.`, {
      leaseIds: openLeaseIds,
    });
  }
  const { id: environmentId, driver } = state.environment;
  return accepted({
    environment: [{ type: 'EnvironmentDeleted', data: {} }],
    localEnvironment: driver === 'local' ? [{ type: 'LocalEnvironmentFreed', data: { environmentId } }] : [],
  });
}

function localEnvironmentExists(environmentId: string): Decision<never> {
  return refused('local_environment_exists', 'A company has at most one local environment.', { environmentId });
}

/** Whether two JSON values are the same, whatever the order of their keys. */
function sameJson(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every(
      (key) => Object.hasOwn(right, key) && sameJson(left[key as keyof typeof left], right[key as keyof typeof right]),
    )
  );
}
