import type { DriverRegistry } from '../drivers/driver-registry.js';
import { failureText } from '../drivers/failure-text.js';
import { newId } from '../ids/new-id.js';
import { retains, type CleanupResult } from './decide.js';
import type { ReleaseOutcomeName } from './lease-names.js';
import type { Lease } from './state.js';

/**
 * Takes back what a lease holds, by the driver that it was acquired with and by what was stored then: the environment
 * may have another driver or config by now. What a worker has to take back is left to it, as a new effect. A failure is a result, because it must not stop the lease from ending.
 */
export async function cleanUp(
  drivers: DriverRegistry,
  lease: Lease,
  outcome: ReleaseOutcomeName,
): Promise<CleanupResult> {
  const { driver: name, provider } = lease.terms;
  if (lease.status === 'active' && retains(lease.terms, outcome)) return 'kept';
  try {
    const driver = drivers.named(name, provider);
    if (driver.acquiring === 'queued') return { later: newId() };
    if (lease.status !== 'active') return 'nothing_to_clean';
    const { id: leaseId, companyId, fence } = lease;
    const { providerLeaseId, teardown } = lease.grant;
    return await driver.release({ companyId, leaseId, fence, providerLeaseId, teardown });
  } catch (error) {
    return { failed: failureText(error) };
  }
}
