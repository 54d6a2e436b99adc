import type { DriverRegistry } from '../driver-contract/driver-registry.js';
import { failureText } from '../driver-contract/failure-text.js';
import { newId } from '../../event-sourcing/ids/new-id.js';
import type { CleanupResult } from './decide.js';
import { heldBy } from './held-lease.js';
import type { Lease } from './state.js';

/**
 * Takes back what a lease holds, by the driver that it was acquired with and by what was stored then: the environment
 * may have another driver or config by now. What a worker has to take back is left to it, as a new effect. A failure is a
 * result, because it must not stop the lease from ending.
 */
export async function cleanUp(drivers: DriverRegistry, lease: Lease): Promise<CleanupResult> {
  const { driver: name, provider } = lease.terms;
  try {
    const driver = drivers.named(name, provider);
    if (driver.acquiring === 'queued') return { later: newId() };
    const held = lease.status === 'active' || lease.kept !== null ? heldBy(lease) : null;
    return held === null ? 'nothing_to_clean' : await driver.release(held);
  } catch (error) {
    return { failed: failureText(error) };
  }
}
