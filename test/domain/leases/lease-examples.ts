import type { Acquisition } from '../../../src/domain/driver-contract/runtime-driver.js';
import { LEASE_EVENTS, leaseStream, type LeaseEvent } from '../../../src/domain/leases/events.js';
import { evolveLease } from '../../../src/domain/leases/evolve.js';
import { initialLease, type Lease, type LeaseState, type LeaseTerms } from '../../../src/domain/leases/state.js';
import { at, specification, type Subject } from '../../support/given-when-then.js';

export const COMPANY = 'c0000000-0000-7000-8000-000000000001';
export const ENVIRONMENT = 'a0000000-0000-7000-8000-000000000001';
export const LEASE = 'd0000000-0000-7000-8000-000000000001';
export const RUN = 'b0000000-0000-7000-8000-000000000001';
export const EFFECT = 'f0000000-0000-7000-8000-000000000001';
export const ENVIRONMENT_VERSION = 3;

export const leaseSubject: Subject<LeaseState, LeaseEvent> = {
  initial: initialLease,
  evolve: evolveLease,
  companyId: COMPANY,
  definitions: LEASE_EVENTS,
  streamOf: () => leaseStream(LEASE),
};

export const given = specification(leaseSubject);

export function terms(change: Partial<LeaseTerms> = {}): LeaseTerms {
  return {
    environmentId: ENVIRONMENT,
    driver: 'sandbox',
    provider: 'fake',
    heartbeatRunId: RUN,
    issueId: null,
    agentId: null,
    adapterType: null,
    executionWorkspaceId: null,
    executionWorkspaceMode: null,
    leasePolicy: 'ephemeral',
    priority: 0,
    ttlSeconds: null,
    idleTtlSeconds: null,
    maxTtlSeconds: null,
    expiryNoticeSeconds: 0,
    metadata: {},
    ...change,
  };
}

export const ACQUISITION = {
  providerLeaseId: `sandbox://fake/${RUN}/${EFFECT}`,
  metadata: { provider: 'fake', image: 'ubuntu:24.04', reuseLease: false },
  teardown: { reuseLease: false },
} satisfies Acquisition;

export function requested(change: Partial<LeaseTerms> = {}): LeaseEvent {
  return { type: 'LeaseRequested', data: { ...terms(change), environmentVersion: ENVIRONMENT_VERSION } };
}

export function activated(): LeaseEvent {
  return { type: 'LeaseActivated', data: { effectId: EFFECT, ...ACQUISITION, expiresAt: null } };
}

/** The events of a lease that is active; its last event is recorded a second after its first. */
export function active(change: Partial<LeaseTerms> = {}): LeaseEvent[] {
  return [requested(change), activated()];
}

export const ACTIVATED_AT = at(1);

export function endRequested(
  data: Partial<Extract<LeaseEvent, { type: 'LeaseReleaseRequested' }>['data']> = {},
): LeaseEvent {
  return {
    type: 'LeaseReleaseRequested',
    data: { outcome: 'released', reasonCode: 'released_by_caller', failureReason: null, deadline: null, ...data },
  };
}

const EXECUTION = 'ee000000-0000-7000-8000-000000000001';

export function executionStarted(): LeaseEvent {
  return {
    type: 'ExecutionStarted',
    data: { executionId: EXECUTION, command: 'make', args: [], argsCut: null, cwd: null, timeoutMs: 60_000 },
  };
}

export function executionFinished(): LeaseEvent {
  const result = { exitCode: 0, signal: null, timedOut: false, truncated: false, durationMs: 1_000 };
  return { type: 'ExecutionFinished', data: { executionId: EXECUTION, ...result } };
}

export const cleaned: LeaseEvent = { type: 'CleanupSucceeded', data: {} };
export const released: LeaseEvent = { type: 'LeaseReleased', data: {} };
export const expired: LeaseEvent = { type: 'LeaseExpired', data: {} };
export const retained: LeaseEvent = { type: 'LeaseRetained', data: {} };

/** The lease after these events. */
export function lease(events: readonly LeaseEvent[]): Lease {
  const { state } = given(events);
  if (state === null) throw new Error('The example has no events.');
  return state;
}
