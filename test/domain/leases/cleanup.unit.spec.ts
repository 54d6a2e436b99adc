import { describe, expect, it } from '@jest/globals';
import { DriverRegistry } from '../../../src/domain/driver-contract/driver-registry.js';
import type { HeldLease } from '../../../src/domain/driver-contract/runtime-driver.js';
import { FakeSandboxDriver } from '../../../src/runtime/drivers/sandbox/fake-sandbox-driver.js';
import { cleanUp } from '../../../src/domain/leases/cleanup.js';
import { ACQUISITION, active, COMPANY, endRequested, lease, LEASE, released, requested } from './lease-examples.js';

/** The fake provider, telling what it was asked to take back, and failing where it is told to. */
class Watched extends FakeSandboxDriver {
  readonly asked: HeldLease[] = [];

  constructor(private readonly failure: Error | null = null) {
    super();
  }

  override release(request: HeldLease): ReturnType<FakeSandboxDriver['release']> {
    this.asked.push(request);
    return this.failure ? Promise.reject(this.failure) : super.release(request);
  }
}

describe('cleaning up', () => {
  it('asks the driver that the lease was acquired with, with what was stored then', async () => {
    const driver = new Watched();
    await expect(cleanUp(new DriverRegistry([driver]), lease(active()))).resolves.toBe('cleaned');
    const { providerLeaseId, teardown } = ACQUISITION;
    expect(driver.asked).toStrictEqual([
      { companyId: COMPANY, leaseId: LEASE, fence: lease(active()).fence, providerLeaseId, teardown },
    ]);
  });

  it('that fails is a result', async () => {
    const registry = new DriverRegistry([new Watched(new Error('timed\nout'))]);
    await expect(cleanUp(registry, lease(active()))).resolves.toEqual({ failed: 'timed out' });
  });

  it('whose driver is gone from this service is one that fails', async () => {
    await expect(cleanUp(new DriverRegistry([]), lease(active()))).resolves.toEqual({
      failed: 'This service has no sandbox provider "fake".',
    });
  });

  it.each([
    ['requested', [requested()]],
    ['releasing', [...active(), endRequested()]],
    ['released', [...active(), endRequested(), released]],
  ])('touches no lease that is not active: %s', async (_status, events) => {
    const driver = new Watched();
    await expect(cleanUp(new DriverRegistry([driver]), lease(events))).resolves.toBe('nothing_to_clean');
    expect(driver.asked).toEqual([]);
  });
});
