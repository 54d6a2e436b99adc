import type { HeldLease } from '../driver-contract/runtime-driver.js';
import type { Lease } from './state.js';

/** A lease as the driver that gave it knows it; null while it has given nothing. */
export function heldBy(lease: Lease): HeldLease | null {
  const { grant } = lease;
  if (grant === null) return null;
  const { id: leaseId, companyId, fence } = lease;
  const { providerLeaseId, teardown } = grant;
  return { companyId, leaseId, fence, providerLeaseId, teardown };
}
