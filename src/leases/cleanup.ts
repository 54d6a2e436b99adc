import type { DriverRegistry } from '../drivers/driver-registry.js';
import type { ReleaseRequest } from '../drivers/runtime-driver.js';
import { failureText } from '../drivers/failure-text.js';
import { retains, type CleanupResult } from './decide.js';
import type { ReleaseOutcomeName } from './lease-names.js';
import type { Lease } from './state.js';

/**
 * Takes back what a lease holds, by the driver that it was acquired with and by what was stored then: the environment
 * may have another driver or config by now. A failure is a result, because it must not stop the lease from ending.
 */
export async function cleanUp(
  drivers: DriverRegistry,
  lease: Lease,
  outcome: ReleaseOutcomeName,
): Promise<CleanupResult> {
  if (lease.status !== 'active') return 'nothing_to_clean';
  if (retains(lease.terms, outcome)) return 'kept';
  const { driver, provider } = lease.terms;
  const { providerLeaseId, teardown } = lease.grant;
  const { id: leaseId, companyId, fence } = lease;
  try {
    const held = { companyId, leaseId, fence, providerLeaseId, teardown };
    return await drivers.named(driver, provider).release(held as ReleaseRequest);
  } catch (error) {
    return { failed: failureText(error) };
  }
}
