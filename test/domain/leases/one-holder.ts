import { expect } from '@jest/globals';
import type { RecordedEvent } from '../../../src/event-sourcing/event-log/index.js';

/**
 * At no position of the log does what a provider gave have two leases that hold it.
 * @returns how often one was taken over
 */
export function expectOneHolderAtATime(events: readonly RecordedEvent[]): number {
  const holderOf = new Map<string, string>();
  const heldBy = new Map<string, string>();
  let takenOver = 0;
  for (const { type, stream, position, data } of events) {
    if (type === 'SandboxTakenOver') takenOver += 1;
    if (type === 'LeaseActivated') {
      const { providerLeaseId } = data as { providerLeaseId: string | null };
      if (providerLeaseId === null) continue;
      expect([position, stream, holderOf.get(providerLeaseId)]).toEqual([position, stream, undefined]);
      holderOf.set(providerLeaseId, stream);
      heldBy.set(stream, providerLeaseId);
    }
    if (/^Lease(Released|Expired|Failed)$/.test(type)) holderOf.delete(heldBy.get(stream) ?? '');
  }
  return takenOver;
}
