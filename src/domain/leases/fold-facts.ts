import type { Recorded } from '../../event-sourcing/event-log/events.js';
import { leaseStream, type LeaseEvent } from './events.js';
import { evolveLease } from './evolve.js';
import type { Lease, LeaseState } from './state.js';

/** What events that are not recorded yet will make of a lease; its times and positions are not those of the log. */
export function foldFacts(leaseId: string, state: LeaseState, events: readonly LeaseEvent[]): Lease {
  const stream = leaseStream(leaseId);
  let lease = state;
  for (const { type, data } of events) {
    const unrecorded = {
      position: 0,
      stream,
      version: 0,
      id: '',
      type,
      schemaVersion: 0,
      companyId: '',
      actor: '',
      correlationId: null,
      causationId: null,
      recordedAt: '1970-01-01T00:00:00.000Z',
      data,
    };
    lease = evolveLease(lease, unrecorded as Recorded<LeaseEvent>);
  }
  if (lease === null) throw new Error(`The lease ${leaseId} has no events.`);
  return lease;
}
