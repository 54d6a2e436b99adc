import type { RuntimeDriver } from '../driver-contract/runtime-driver.js';
import { LeaseholdError } from '../../errors/catalogue.js';
import type { JsonObject } from './state.js';

/** What the metadata of a lease says whatever its driver (see lease-json.ts), or most drivers say. */
const OF_THE_SERVICE = ['driver', 'provider', 'executionWorkspaceMode', 'workspaceRealization', 'remoteCwd'];

/**
 * A caller's metadata stands beside what the service and the driver say of a lease: one of the same name would be lost.
 * @throws LeaseholdError validation_failed
 */
export function requireOwnMetadata(
  metadata: JsonObject,
  { leaseMetadata = [] }: Pick<RuntimeDriver, 'leaseMetadata'>,
): void {
  const taken = new Set([...OF_THE_SERVICE, ...leaseMetadata]);
  const errors = Object.keys(metadata)
    .filter((name) => taken.has(name))
    .map((name) => ({ field: `metadata.${name}`, message: 'is a name that the service sets: use another one' }));
  if (errors.length === 0) return;
  const names = errors.map(({ field }) => field).join(', ');
  throw new LeaseholdError('validation_failed', `The service itself sets ${names} of a lease.`, { errors });
}
