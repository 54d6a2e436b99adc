import type { EffectRequest } from '../drivers/runtime-driver.js';
import type { JsonObject, Lease } from '../leases/state.js';

/** What a driver is asked about an effect of a lease. */
export function effectRequest(lease: Lease, effectId: string, config: JsonObject, signal: AbortSignal): EffectRequest {
  const { id: leaseId, companyId, fence } = lease;
  const { environmentId, heartbeatRunId } = lease.terms;
  return { companyId, leaseId, effectId, environmentId, heartbeatRunId, config, fence, signal };
}
