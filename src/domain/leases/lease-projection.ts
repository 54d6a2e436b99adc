import type { Recorded, RecordedEvent } from '../../event-sourcing/event-log/events.js';
import type { Projection } from '../../event-sourcing/projections/projection.js';
import { dueAtOf } from './deadline.js';
import { LEASE_EVENTS, leaseIdOf, type LeaseEvent } from './events.js';
import { LeaseRow } from './lease-row.js';
import { evolveLease } from './evolve.js';
import { provisioningDeadline } from './provisioning-timeout.js';

export const leaseProjection: Projection<LeaseRow> = {
  name: 'leases',
  version: 10,
  entity: LeaseRow,
  types: LEASE_EVENTS.map((definition) => definition.type),
  keyOf: (event) => leaseIdOf(event.stream),
  fold(row: LeaseRow | null, event: RecordedEvent): LeaseRow {
    const lease = evolveLease(row?.lease ?? null, event as Recorded<LeaseEvent>);
    const { id, companyId, status, fence, cleanupStatus, cleanupWrittenOff } = lease;
    const { environmentId, heartbeatRunId, issueId, executionWorkspaceId } = lease.terms;
    return {
      id,
      companyId,
      environmentId,
      heartbeatRunId,
      issueId,
      executionWorkspaceId,
      status,
      cleanupStatus,
      cleanupWrittenOff,
      dueAt: lease.kept?.until ?? provisioningDeadline(lease) ?? dueAtOf(lease),
      effectId: lease.effect?.effectId ?? null,
      inDoubt: lease.doubt !== null,
      fence,
      lease,
    };
  },
};
