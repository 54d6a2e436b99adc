import type { Recorded, RecordedEvent } from '../../event-sourcing/event-log/events.js';
import type { Projection } from '../../event-sourcing/projections/projection.js';
import { deadlineOf, runsCommands } from './deadline.js';
import { LEASE_EVENTS, leaseIdOf, type LeaseEvent } from './events.js';
import { LeaseRow } from './lease-row.js';
import { evolveLease } from './evolve.js';

export const leaseProjection: Projection<LeaseRow> = {
  name: 'leases',
  version: 7,
  entity: LeaseRow,
  types: LEASE_EVENTS.map((definition) => definition.type),
  keyOf: (event) => leaseIdOf(event.stream),
  fold(row: LeaseRow | null, event: RecordedEvent): LeaseRow {
    const lease = evolveLease(row?.lease ?? null, event as Recorded<LeaseEvent>);
    const { id, companyId, status, fence } = lease;
    const { environmentId, heartbeatRunId, issueId, executionWorkspaceId } = lease.terms;
    const expiresAt =
      lease.kept?.until ??
      (lease.status === 'active' ? (deadlineOf(lease.terms, lease.grant, runsCommands(lease))?.at ?? null) : null);
    return {
      id,
      companyId,
      environmentId,
      heartbeatRunId,
      issueId,
      executionWorkspaceId,
      status,
      expiresAt,
      effectId: lease.effect?.effectId ?? null,
      inDoubt: lease.doubt !== null,
      fence,
      lease,
    };
  },
};
