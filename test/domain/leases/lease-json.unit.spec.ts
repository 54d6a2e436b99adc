import { describe, expect, it } from '@jest/globals';
import type { LeaseEvent } from '../../../src/domain/leases/events.js';
import { leaseJson } from '../../../src/domain/leases/lease-json.js';
import { at, FIRST_POSITION } from '../../support/given-when-then.js';
import {
  ACQUISITION,
  activated,
  ACTIVATED_AT,
  active,
  cleaned,
  COMPANY,
  endRequested,
  ENVIRONMENT,
  expired,
  lease,
  LEASE,
  released,
  requested,
  retained,
  RUN,
} from './lease-examples.js';

const json = (events: readonly LeaseEvent[]) => leaseJson(lease(events));

describe('a lease in JSON', () => {
  it('has every field, while it is active', () => {
    const issueId = '90000000-0000-7000-8000-000000000001';
    const agentId = '90000000-0000-7000-8000-000000000002';
    const executionWorkspaceId = '90000000-0000-7000-8000-000000000003';
    const wanted = { issueId, agentId, executionWorkspaceId, executionWorkspaceMode: 'shared_workspace' } as const;
    expect(json([requested({ ...wanted, ttlSeconds: 60, metadata: { team: 'red' } }), activated()])).toStrictEqual({
      id: LEASE,
      companyId: COMPANY,
      environmentId: ENVIRONMENT,
      executionWorkspaceId,
      issueId,
      heartbeatRunId: RUN,
      status: 'active',
      leasePolicy: 'ephemeral',
      provider: 'fake',
      providerLeaseId: ACQUISITION.providerLeaseId,
      acquiredAt: ACTIVATED_AT,
      lastUsedAt: ACTIVATED_AT,
      expiresAt: at(61),
      releasedAt: null,
      failureReason: null,
      cleanupStatus: null,
      metadata: {
        team: 'red',
        provider: 'fake',
        image: 'ubuntu:24.04',
        reuseLease: false,
        driver: 'sandbox',
        executionWorkspaceMode: 'shared_workspace',
      },
      createdAt: at(0),
      updatedAt: ACTIVATED_AT,
      agentId,
      fence: FIRST_POSITION,
      reasonCode: null,
      lastFailure: null,
      inDoubtUntil: null,
      keptUntil: null,
      expiryNoticeSeconds: 0,
      reusedLeaseId: null,
      reuseRejected: [],
      version: 2,
      position: FIRST_POSITION + 1,
    });
  });

  it('keeps the fence of its first event while its version and position grow', () => {
    const { fence, version, position } = json([...active(), endRequested(), cleaned, released]);
    expect({ fence, version, position }).toEqual({ fence: FIRST_POSITION, version: 5, position: FIRST_POSITION + 4 });
  });

  it('has not been acquired before it is active', () => {
    expect(json([requested({ ttlSeconds: 60, idleTtlSeconds: 5 })])).toMatchObject({
      status: 'requested',
      providerLeaseId: null,
      acquiredAt: null,
      lastUsedAt: null,
      expiresAt: null,
      metadata: { driver: 'sandbox', executionWorkspaceMode: null },
    });
  });

  it('expires by the earliest of its limits', () => {
    expect(json(active({ idleTtlSeconds: 10, ttlSeconds: 60 })).expiresAt).toBe(at(11));
  });

  it.each<[string, LeaseEvent[], object]>([
    [
      'released',
      [endRequested(), cleaned, released],
      { status: 'released', reasonCode: 'released_by_caller', releasedAt: at(4), cleanupStatus: 'success' },
    ],
    [
      'expired',
      [endRequested({ outcome: 'expired', reasonCode: 'ttl_elapsed', deadline: at(2) }), expired],
      { status: 'expired', reasonCode: 'ttl_elapsed', releasedAt: at(3), cleanupStatus: null },
    ],
    [
      'failed, and its cleanup too',
      [
        endRequested({ outcome: 'failed', reasonCode: 'adapter_or_run_failure', failureReason: 'oom' }),
        { type: 'CleanupFailed', data: { detail: 'timed out' } },
        { type: 'LeaseFailed', data: { reasonCode: 'adapter_or_run_failure', failureReason: 'oom' } },
      ],
      {
        status: 'failed',
        reasonCode: 'adapter_or_run_failure',
        failureReason: 'oom',
        releasedAt: at(4),
        cleanupStatus: 'failed',
      },
    ],
    [
      'retained, which is not given back',
      [endRequested({ outcome: 'failed', reasonCode: 'adapter_or_run_failure', failureReason: 'oom' }), retained],
      { status: 'retained', reasonCode: 'adapter_or_run_failure', failureReason: 'oom', releasedAt: null },
    ],
  ])('%s', (_case, ending, expected) => {
    const ended = json([...active(), ...ending]);
    expect(ended).toMatchObject(expected);
    expect(ended).toMatchObject({ providerLeaseId: ACQUISITION.providerLeaseId, acquiredAt: ACTIVATED_AT });
  });

  it('that failed before the driver gave anything was never acquired', () => {
    const failed = json([
      requested(),
      { type: 'LeaseFailed', data: { reasonCode: 'acquire_failed', failureReason: 'no capacity' } },
    ]);
    expect(failed).toMatchObject({ status: 'failed', reasonCode: 'acquire_failed', failureReason: 'no capacity' });
    expect(failed).toMatchObject({ acquiredAt: null, providerLeaseId: null, releasedAt: at(1) });
  });

  it.each<[string, LeaseEvent[]]>([
    ['requested', []],
    ['active', [activated()]],
  ])('says its driver and workspace mode whatever the caller’s metadata says: %s', (_status, later) => {
    const metadata = { driver: 'ssh', executionWorkspaceMode: 'inherit', provider: 'mine', note: 1 };
    expect(json([requested({ metadata }), ...later]).metadata).toMatchObject({
      driver: 'sandbox',
      executionWorkspaceMode: null,
      note: 1,
    });
  });

  it('says nothing of what tearing down will need', () => {
    const secret = { ...activated(), data: { ...activated().data, teardown: { handle: 'only-inside' } } } as LeaseEvent;
    expect(JSON.stringify(json([requested(), secret]))).not.toContain('only-inside');
  });
});
