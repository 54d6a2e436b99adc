import type { EnvironmentDriver } from '../environments/driver-names.js';
import type { Recorded } from '../event-log/events.js';
import { leaseIdOf, type LeaseEvent } from './events.js';
import type {
  AdapterType,
  CleanupStatus,
  LeasePolicy,
  ReasonCode,
  ReleaseOutcomeName,
  WorkspaceMode,
} from './lease-names.js';

export type JsonObject = Record<string, unknown>;

/** What was asked for; it never changes. */
export interface LeaseTerms {
  readonly environmentId: string;
  readonly driver: EnvironmentDriver;
  readonly provider: string | null;
  readonly heartbeatRunId: string | null;
  readonly issueId: string | null;
  readonly agentId: string | null;
  readonly adapterType: AdapterType | null;
  readonly executionWorkspaceId: string | null;
  readonly executionWorkspaceMode: WorkspaceMode | null;
  readonly leasePolicy: LeasePolicy;
  readonly priority: number;
  readonly ttlSeconds: number | null;
  readonly idleTtlSeconds: number | null;
  readonly maxTtlSeconds: number | null;
  readonly metadata: JsonObject;
}

/** What the driver gave. */
export interface LeaseGrant {
  readonly providerLeaseId: string | null;
  readonly metadata: JsonObject;
  readonly teardown: JsonObject;
  /** ISO 8601 times. */
  readonly acquiredAt: string;
  readonly lastUsedAt: string;
}

export interface LeaseEnding {
  readonly outcome: ReleaseOutcomeName;
  readonly reasonCode: ReasonCode;
  readonly failureReason: string | null;
}

type Phase =
  | { readonly status: 'requested' }
  | { readonly status: 'active'; readonly grant: LeaseGrant }
  | { readonly status: 'releasing'; readonly grant: LeaseGrant; readonly ending: LeaseEnding }
  | {
      readonly status: 'released' | 'expired' | 'retained';
      readonly grant: LeaseGrant;
      readonly ending: LeaseEnding;
      readonly endedAt: string;
    }
  | {
      readonly status: 'failed';
      /** Null when it failed before the driver gave anything. */
      readonly grant: LeaseGrant | null;
      readonly ending: LeaseEnding;
      readonly endedAt: string;
    };

export type Lease = {
  readonly id: string;
  readonly companyId: string;
  readonly terms: LeaseTerms;
  /** Log position of the lease's first event: it only grows, and a holder with a lower one is refused. */
  readonly fence: number;
  readonly cleanupStatus: CleanupStatus | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly version: number;
  /** Log position of its newest event. */
  readonly position: number;
} & Phase;

export type LeaseState = Lease | null;

export const initialLease: LeaseState = null;

export function evolveLease(state: LeaseState, event: Recorded<LeaseEvent>): Lease {
  const now = { updatedAt: event.recordedAt, version: event.version, position: event.position };
  const endedAt = event.recordedAt;
  switch (event.type) {
    case 'LeaseRequested':
      if (state !== null) throw brokenHistory(event);
      return {
        id: leaseIdOf(event.stream),
        companyId: event.companyId,
        terms: event.data,
        fence: event.position,
        cleanupStatus: null,
        createdAt: event.recordedAt,
        status: 'requested',
        ...now,
      };
    case 'LeaseActivated': {
      const { providerLeaseId, metadata, teardown } = event.data;
      const used = { acquiredAt: event.recordedAt, lastUsedAt: event.recordedAt };
      return {
        ...notActiveYet(state, event),
        ...now,
        status: 'active',
        grant: { providerLeaseId, metadata, teardown, ...used },
      };
    }
    case 'LeaseReleaseRequested': {
      const { outcome, reasonCode, failureReason } = event.data;
      return {
        ...activeBefore(state, event),
        ...now,
        status: 'releasing',
        ending: { outcome, reasonCode, failureReason },
      };
    }
    case 'CleanupSucceeded':
      return { ...before(state, event), ...now, cleanupStatus: 'success' };
    case 'CleanupFailed':
      return { ...before(state, event), ...now, cleanupStatus: 'failed' };
    case 'LeaseReleased':
      return { ...ending(state, event), ...now, status: 'released', endedAt };
    case 'LeaseExpired':
      return { ...ending(state, event), ...now, status: 'expired', endedAt };
    case 'LeaseRetained':
      return { ...ending(state, event), ...now, status: 'retained', endedAt };
    case 'LeaseFailed': {
      const lease = before(state, event);
      const grant = 'grant' in lease ? lease.grant : null;
      return { ...lease, ...now, status: 'failed', grant, ending: { outcome: 'failed', ...event.data }, endedAt };
    }
  }
}

function before(state: LeaseState, event: Recorded<LeaseEvent>): Lease {
  if (state === null) throw brokenHistory(event);
  return state;
}

function notActiveYet(state: LeaseState, event: Recorded<LeaseEvent>): Extract<Lease, { status: 'requested' }> {
  if (state?.status !== 'requested') throw brokenHistory(event);
  return state;
}

function activeBefore(state: LeaseState, event: Recorded<LeaseEvent>): Extract<Lease, { status: 'active' }> {
  if (state?.status !== 'active') throw brokenHistory(event);
  return state;
}

function ending(state: LeaseState, event: Recorded<LeaseEvent>): Extract<Lease, { status: 'releasing' }> {
  if (state?.status !== 'releasing') throw brokenHistory(event);
  return state;
}

function brokenHistory(event: Recorded<LeaseEvent>): Error {
  return new Error(`${event.type} at position ${event.position} cannot follow what came before it in ${event.stream}.`);
}
