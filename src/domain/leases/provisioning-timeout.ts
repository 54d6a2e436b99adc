import type { CleanupResult } from './decide.js';
import { endingEvents } from './decide.js';
import type { LeaseEvent } from './events.js';
import type { Lease } from './state.js';

/** When a lease that is not active yet fails (ISO 8601); null: it does not. */
export function provisioningDeadline({ status, provisionBy }: Lease): string | null {
  return status === 'queued' || status === 'provisioning' ? provisionBy : null;
}

export function isProvisioningOverdue(lease: Lease, now: string): boolean {
  const deadline = provisioningDeadline(lease);
  return deadline !== null && deadline <= now;
}

/** Ends a lease whose provisioning takes too long at `now` (ISO 8601); does nothing to any other. */
export function timeOutProvisioning(lease: Lease, now: string, cleanup: CleanupResult): readonly LeaseEvent[] {
  if (!isProvisioningOverdue(lease, now)) return [];
  const failureReason = 'Provisioning took longer than the environment allows';
  const ending = { outcome: 'failed', reasonCode: 'provisioning_timeout', failureReason } as const;
  return endingEvents(lease, { ...ending, deadline: provisioningDeadline(lease) }, cleanup);
}
