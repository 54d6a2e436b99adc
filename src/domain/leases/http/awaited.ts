import { LeaseholdError } from '../../../errors/catalogue.js';
import type { AcquiredLease } from '../commands/acquire-lease.js';
import type { LeaseWaiter } from '../lease-waiter.js';
import type { Lease } from '../state.js';

const UNDECIDED: readonly Lease['status'][] = ['requested', 'queued', 'provisioning'];

/** Whether it is still to be seen if the lease becomes active. */
export function isUndecided({ status }: Lease): boolean {
  return UNDECIDED.includes(status);
}

/**
 * The lease once it is active, or as it is when the caller's patience ends, or the caller has gone.
 * @throws LeaseholdError lease_acquire_failed when it never will be
 */
export async function awaitActive(
  waiter: LeaseWaiter,
  acquired: AcquiredLease,
  waitSeconds: number,
  gone: AbortSignal,
): Promise<AcquiredLease> {
  const lease = await waiter.until(acquired.lease, (now) => !isUndecided(now), waitSeconds * 1_000, gone);
  if (lease.status === 'active' || isUndecided(lease)) return { ...acquired, ...movedTo(lease, acquired) };
  const { reasonCode, failureReason } = lease.ending ?? { reasonCode: null, failureReason: null };
  const detail = failureReason ?? 'It was released before it was active.';
  throw new LeaseholdError('lease_acquire_failed', detail, { leaseId: lease.id, reasonCode });
}

/** The lease once it has ended, or as it is when the caller's patience ends, or the caller has gone. */
export async function awaitEnd<Released extends { readonly lease: Lease }>(
  waiter: LeaseWaiter,
  released: Released,
  waitSeconds: number,
  gone: AbortSignal,
): Promise<Released> {
  const lease = await waiter.until(released.lease, (now) => now.status !== 'releasing', waitSeconds * 1_000, gone);
  return { ...released, lease };
}

function movedTo(lease: Lease, { position }: { position: number }): { lease: Lease; position: number } {
  return { lease, position: Math.max(position, lease.position) };
}
