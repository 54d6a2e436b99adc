import type { CleanupStatus, LeasePolicy, LeaseStatus, ReasonCode } from './lease-names.js';
import { deadlineOf, runsCommands } from './deadline.js';
import type { EffectFailure, JsonObject, Lease, Rejection } from './state.js';

/** A lease as callers see it: names are contracts, added to and never changed. Times are ISO 8601. */
export interface LeaseJson {
  readonly id: string;
  readonly companyId: string;
  readonly environmentId: string;
  readonly executionWorkspaceId: string | null;
  readonly issueId: string | null;
  readonly heartbeatRunId: string | null;
  readonly status: LeaseStatus;
  readonly leasePolicy: LeasePolicy;
  readonly provider: string | null;
  readonly providerLeaseId: string | null;
  readonly acquiredAt: string | null;
  readonly lastUsedAt: string | null;
  readonly expiresAt: string | null;
  /** Stays null for a retained lease: it has ended, but is not given back. */
  readonly releasedAt: string | null;
  readonly failureReason: string | null;
  readonly cleanupStatus: CleanupStatus | null;
  readonly metadata: JsonObject;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly agentId: string | null;
  readonly fence: number;
  readonly reasonCode: ReasonCode | null;
  /** The failure of the last provisioning or cleanup attempt, until an attempt succeeds. */
  readonly lastFailure: EffectFailure | null;
  /** Until when (ISO 8601) something that a lost attempt has made may still appear at the provider; null: nothing. */
  readonly inDoubtUntil: string | null;
  /** Until when (ISO 8601) what it held is kept after its end, for another lease or to be looked into. */
  readonly keptUntil: string | null;
  /** Seconds before `expiresAt` at which `LeaseExpiring` is recorded; 0: never. */
  readonly expiryNoticeSeconds: number;
  /** The ended lease whose sandbox it has, and those whose sandboxes were not used, with what was not the same. */
  readonly reusedLeaseId: string | null;
  readonly reuseRejected: readonly Rejection[];
  readonly version: number;
  readonly position: number;
}

export function leaseJson(lease: Lease): LeaseJson {
  const { terms, grant, ending, workspaceRealization } = lease;
  const { driver, executionWorkspaceMode } = terms;
  return {
    id: lease.id,
    companyId: lease.companyId,
    environmentId: terms.environmentId,
    executionWorkspaceId: terms.executionWorkspaceId,
    issueId: terms.issueId,
    heartbeatRunId: terms.heartbeatRunId,
    status: lease.status,
    leasePolicy: terms.leasePolicy,
    provider: terms.provider,
    providerLeaseId: grant?.providerLeaseId ?? null,
    acquiredAt: grant?.acquiredAt ?? null,
    lastUsedAt: grant?.lastUsedAt ?? null,
    expiresAt: grant ? (deadlineOf(terms, grant, runsCommands(lease))?.at ?? null) : null,
    releasedAt: lease.status === 'retained' ? null : lease.endedAt,
    failureReason: ending?.failureReason ?? null,
    cleanupStatus: lease.cleanupStatus,
    metadata: ordered({
      ...terms.metadata,
      ...grant?.metadata,
      ...(workspaceRealization && { workspaceRealization }),
      driver,
      executionWorkspaceMode,
    }),
    createdAt: lease.createdAt,
    updatedAt: lease.updatedAt,
    agentId: terms.agentId,
    fence: lease.fence,
    reasonCode: ending?.reasonCode ?? null,
    lastFailure: lease.lastFailure,
    inDoubtUntil: lease.doubt?.until ?? null,
    keptUntil: lease.kept?.until ?? null,
    expiryNoticeSeconds: terms.expiryNoticeSeconds,
    reusedLeaseId: lease.takenOver?.leaseId ?? null,
    // Named one by one: jsonb has an order of its own, and a read of a past point must be the same to the byte.
    reuseRejected: lease.rejections.map(({ leaseId, reasonCode, fields }) => ({ leaseId, reasonCode, fields })),
    version: lease.version,
    position: lease.position,
  };
}

/** With the names of every object sorted: the log does not keep their order, and an answer is the same whenever it is given. */
function ordered<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(ordered) as Value;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, inner]): [string, unknown] => [name, ordered(inner as unknown)]);
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1))) as Value;
}
