import { describe, expect, it } from '@jest/globals';
import { accepted } from '../../../src/event-sourcing/commands/decision.js';
import type { CleanupResult } from '../../../src/domain/leases/decide.js';
import { beginAttempt, cleanedUp, provisioned } from '../../../src/domain/leases/decide-effects.js';
import type { LeaseEvent } from '../../../src/domain/leases/events.js';
import { provisioningDeadline, timeOutProvisioning } from '../../../src/domain/leases/provisioning-timeout.js';
import type { LeaseState } from '../../../src/domain/leases/state.js';
import { at } from '../../support/given-when-then.js';
import { ACQUISITION, activated, EFFECT, endRequested, given, lease, requested } from './lease-examples.js';

const CLEANUP = 'f0000000-0000-7000-8000-000000000002';
const LATER: CleanupResult = { later: CLEANUP };
/** Recorded at second 1. */
const asked = (timeoutSeconds: number | null): LeaseEvent => ({
  type: 'ProvisioningRequested',
  data: { effectId: EFFECT, timeoutSeconds },
});
const started: LeaseEvent = { type: 'ProvisioningStarted', data: { effectId: EFFECT, attempt: 1 } };
const failed: LeaseEvent = {
  type: 'ProvisioningAttemptFailed',
  data: {
    ...{ effectId: EFFECT, attempt: 1, failureClass: 'transient', reasonCode: 'host_taken', failureReason: 'Taken.' },
    ...{ inDoubt: false, retryAt: at(50) },
  },
};
const failureReason = 'Provisioning took longer than the environment allows';
const ended = endRequested({ outcome: 'failed', reasonCode: 'provisioning_timeout', failureReason, deadline: at(61) });
const overtaken: LeaseEvent = { type: 'ProvisioningOvertaken', data: { effectId: EFFECT, grant: null } };
const leaseFailed: LeaseEvent = { type: 'LeaseFailed', data: { reasonCode: 'provisioning_timeout', failureReason } };
const timeOut = (now: string) => (state: LeaseState) =>
  accepted(state === null ? [] : timeOutProvisioning(state, now, LATER));

describe('a lease that is not active in time', () => {
  const queued = [requested({ leasePolicy: 'retain_on_failure' }), asked(60)];

  it('has its deadline from the environment as it was, and from the time of its request', () => {
    expect(provisioningDeadline(lease(queued))).toBe(at(61));
    expect(provisioningDeadline(lease([...queued, started, failed]))).toBe(at(61));
    expect(provisioningDeadline(lease([...queued, started, activated()]))).toBeNull();
    expect(provisioningDeadline(lease([...queued, ended]))).toBeNull();
  });

  it.each<[string, LeaseEvent[]]>([
    ['in the queue', queued],
    ['between two attempts', [...queued, started, failed]],
  ])('fails %s, not before', (_where, events) => {
    given(events)
      .when(timeOut(at(60.9)))
      .then([]);
    given(events)
      .when(timeOut(at(61)))
      .then([ended, overtaken, leaseFailed])
      .again.then([]);
  });

  it('fails when the worker that is at it has noticed, and keeps nothing of what was made', () => {
    const pending = [...queued, started];
    given(pending)
      .when(timeOut(at(61)))
      .then([ended])
      .again.then([]);
    const { state } = given([...pending, ended]);
    const made = provisioned(state, EFFECT, ACQUISITION, CLEANUP, null);
    expect(made.map(({ type }) => type)).toEqual(['ProvisioningOvertaken', 'CleanupRequested']);
    const cleaning = given([...pending, ended, ...made]).state;
    expect(cleanedUp(cleaning, CLEANUP, null)).toEqual([{ type: 'CleanupSucceeded', data: {} }, leaseFailed]);
    expect(beginAttempt(state, EFFECT, CLEANUP).map(({ type }) => type)).toEqual([
      'ProvisioningOvertaken',
      'CleanupRequested',
    ]);
  });

  it('stays as it is where it has no limit, or is active', () => {
    given([requested(), asked(null)])
      .when(timeOut(at(1_000_000)))
      .then([]);
    given([...queued, started, activated()])
      .when(timeOut(at(1_000_000)))
      .then([]);
  });
});
