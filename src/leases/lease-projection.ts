import type { Recorded, RecordedEvent } from '../event-log/events.js';
import type { Projection } from '../projections/projection.js';
import { LEASE_EVENTS, leaseIdOf, type LeaseEvent } from './events.js';
import { leaseJson } from './lease-json.js';
import { LeaseRow } from './lease-row.js';
import { evolveLease } from './state.js';

export const leaseProjection: Projection<LeaseRow> = {
  name: 'leases',
  version: 1,
  entity: LeaseRow,
  types: LEASE_EVENTS.map((definition) => definition.type),
  keyOf: (event) => leaseIdOf(event.stream),
  fold(row: LeaseRow | null, event: RecordedEvent): LeaseRow {
    const lease = evolveLease(row?.lease ?? null, event as Recorded<LeaseEvent>);
    const { id, companyId, environmentId, heartbeatRunId, issueId, executionWorkspaceId, status, expiresAt, fence } =
      leaseJson(lease);
    return {
      id,
      companyId,
      environmentId,
      heartbeatRunId,
      issueId,
      executionWorkspaceId,
      status,
      expiresAt,
      fence,
      lease,
    };
  },
};
