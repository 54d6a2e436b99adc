import { ERRORS } from '../../errors/catalogue.js';
import { accepted, refused, type Decision } from '../../event-sourcing/commands/decision.js';
import type { LeaseEvent } from './events.js';
import type { Lease } from './state.js';

/** Refusals that a lease's stream keeps: a caller that tries one fence after another must not let the log grow for ever. */
const MOST_RECORDED = 10;

/**
 * Whether a command that says this fence comes from the lease's holder.
 * @param fence null: the command says none
 * @param isRequired whether the lease's environment takes no command without one
 */
export function mayCommand(lease: Lease, fence: number | null, isRequired: boolean): Decision<Lease> {
  const leaseId = lease.id;
  if (fence === null) {
    return isRequired
      ? refused('fence_required', 'The lease’s environment has `requireFence`.', { leaseId })
      : accepted(lease);
  }
  if (fence < lease.fence) {
    const detail = `${ERRORS.stale_fence.title.slice(0, -1)}: it is ${fence}, and the lease’s is ${lease.fence}.`;
    return refused('stale_fence', detail, { leaseId });
  }
  if (fence > lease.fence) {
    return refused('fence_mismatch', `The fence is ${fence}, and the lease’s is ${lease.fence}.`, { leaseId });
  }
  return accepted(lease);
}

/** What is recorded of a command that came with the fence of an earlier holder: each fence once, and only so many. */
export function recordStaleFence({ staleFences }: Lease, fence: number, command: string): readonly LeaseEvent[] {
  if (staleFences.includes(fence) || staleFences.length >= MOST_RECORDED) return [];
  return [{ type: 'StaleFenceRefused', data: { fence, command } }];
}
