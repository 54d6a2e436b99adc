import type { EffectRequest } from '../../domain/driver-contract/runtime-driver.js';
import { secondsAfter } from '../../domain/leases/deadline.js';
import type { JsonObject, Lease } from '../../domain/leases/state.js';

/** What a driver is asked about an effect of a lease. @param now ISO 8601 */
export function effectRequest(
  lease: Lease,
  effectId: string,
  config: JsonObject,
  now: string,
  signal: AbortSignal,
): EffectRequest {
  const { id: leaseId, companyId, fence } = lease;
  const { environmentId, heartbeatRunId, maxTtlSeconds } = lease.terms;
  const endsAt = maxTtlSeconds === null ? null : secondsAfter(now, maxTtlSeconds);
  return { companyId, leaseId, effectId, environmentId, heartbeatRunId, config, fence, endsAt, signal };
}
