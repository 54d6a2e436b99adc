import type { HeldLease } from './runtime-driver.js';

/** What every command in a lease has in its environment variables, whatever its caller gives it: who it works for. */
export function leaseVariables({ leaseId, fence }: HeldLease): Readonly<Record<string, string>> {
  return { LEASEHOLD_LEASE_ID: leaseId, LEASEHOLD_FENCE: String(fence) };
}
