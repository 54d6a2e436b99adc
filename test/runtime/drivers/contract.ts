import { expect } from '@jest/globals';
import type { Environment } from '../../../src/domain/environments/state.js';
import type { LeaseJson } from '../../../src/domain/leases/lease-json.js';
import type { Api } from '../../support/api.js';

/** A row of the contract suite. The next driver is one more of these. */
export interface DriverCase {
  readonly name: string;
  readonly driver: Environment['driver'];
  /** Whether its leases are acquired through the queue. */
  readonly isQueued?: boolean;
  /** What it needs besides the service, started once for its suite; `config` is its environment's, `settings` the service's. */
  setUp?(): Promise<{
    readonly config: Readonly<Record<string, unknown>>;
    readonly settings?: Readonly<Record<string, string>>;
    stop(): Promise<void>;
  }>;
  readonly config: Readonly<Record<string, unknown>>;
  /** What it leaves to be cleaned up: the `cleanupStatus` of a lease that was released. */
  readonly cleanupStatus: LeaseJson['cleanupStatus'];
  /** Another config of the same driver that the environment may have by the time of the release. */
  readonly otherConfig: Readonly<Record<string, unknown>>;
  /** What is special about its leases. */
  expectLease(lease: LeaseJson, environment: Environment): void;
}

/** Every field of a lease. */
export const LEASE_FIELDS = [
  ...['id', 'companyId', 'environmentId', 'executionWorkspaceId', 'issueId', 'heartbeatRunId', 'status', 'leasePolicy'],
  ...['provider', 'providerLeaseId', 'acquiredAt', 'lastUsedAt', 'expiresAt', 'releasedAt', 'failureReason'],
  ...['cleanupStatus', 'metadata', 'createdAt', 'updatedAt'],
  ...['agentId', 'fence', 'reasonCode', 'lastFailure', 'inDoubtUntil', 'keptUntil', 'reusedLeaseId', 'reuseRejected'],
  ...['expiryNoticeSeconds', 'version', 'position'],
].sort();

export const ENVIRONMENT_FIELDS = [
  ...['id', 'companyId', 'name', 'description', 'driver', 'status', 'config', 'metadata', 'createdAt', 'updatedAt'],
  ...['requireFence', 'provisioningTimeoutSeconds', 'cordoned', 'drain', 'quarantine', 'version', 'position'],
].sort();

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Every field is there, none besides, and those that any lease has are what they should be. */
export function expectWholeLease(lease: LeaseJson): void {
  expect(Object.keys(lease).sort()).toEqual(LEASE_FIELDS);
  expect(lease.createdAt).toMatch(TIME);
  expect(lease.updatedAt).toMatch(TIME);
  expect(lease.fence).toBeGreaterThan(0);
  expect(lease.position).toBe(lease.fence + lease.version - 1);
  expect(Object.keys(lease.metadata)).toEqual(expect.arrayContaining(['driver', 'executionWorkspaceMode']));
}

export function expectWholeEnvironment(environment: Environment): void {
  expect(Object.keys(environment).sort()).toEqual(ENVIRONMENT_FIELDS);
  expect(environment.createdAt).toMatch(TIME);
  expect(environment.updatedAt).toMatch(TIME);
}

/** No lease of the company is active, by the list that callers ask. */
export async function expectNoneActive(api: Api, companyId: string): Promise<void> {
  expect(await api.leases(companyId, '?status=active')).toEqual({ items: [], nextCursor: null });
}
