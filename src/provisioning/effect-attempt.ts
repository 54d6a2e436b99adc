import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/config.js';
import { DriverRegistry } from '../drivers/driver-registry.js';
import type { Acquisition, EffectRequest, RuntimeDriver } from '../drivers/runtime-driver.js';
import { EnvironmentStore } from '../environments/environment-store.js';
import { newId } from '../ids/new-id.js';
import { Clock } from '../leases/clock.js';
import {
  beginAttempt,
  cleanedUp,
  cleanupFailed,
  pendingEffect,
  provisioned,
  provisioningFailed,
} from '../leases/decide-effects.js';
import type { LeaseEvent } from '../leases/events.js';
import { LeaseEffects, type EffectRecord } from '../leases/lease-effects.js';
import { LeaseWaiter } from '../leases/lease-waiter.js';
import { retryAt } from '../leases/retry-policy.js';
import type { EffectFailure, Lease, LeaseEffect, LeaseState } from '../leases/state.js';
import { failureOf } from './failure.js';
import { withinBudget } from './within-budget.js';

const NEVER = new AbortController().signal;

/**
 * One attempt at an effect: its start is recorded, the driver is asked, and what came of it is recorded. It may be cut off
 * anywhere; whoever does it again finds in the log how far it came, and asks the driver what exists before making anything.
 */
@Injectable()
export class EffectAttempt {
  constructor(
    private readonly effects: LeaseEffects,
    private readonly environments: EnvironmentStore,
    private readonly drivers: DriverRegistry,
    private readonly waiter: LeaseWaiter,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * @returns when (ISO 8601) the effect is to be tried again, or null
   * @throws LeaseholdError, or the database's errors: then nothing is known of this attempt but what the log has
   */
  async run(leaseId: string, effectId: string): Promise<string | null> {
    const lease = await this.effects.lease(leaseId);
    const pending = pendingEffect(lease, effectId);
    if (pending === null) return null;
    const { effect } = pending;
    const begun = await this.record(lease, effect, (state) => beginAttempt(state, effectId, newId()));
    // Its release came first, or another worker has settled it.
    if (!begun.recorded || begun.lease.effect?.effectId !== effectId) return null;
    const after =
      effect.kind === 'provisioning'
        ? await this.provision(begun.lease, effect)
        : await this.cleanUp(begun.lease, effect);
    return after.effect?.effectId === effectId ? after.effect.dueAt : null;
  }

  private async provision(lease: Lease, effect: LeaseEffect): Promise<Lease> {
    const { effectId } = effect;
    const over = new AbortController();
    const released = new AbortController();
    // Its release ends the attempt: nobody wants what it would make.
    void this.waiter
      .until(lease, ({ status }) => status !== 'provisioning', this.config.budgets.readinessMs, over.signal)
      .then(({ status }) => status === 'releasing' && released.abort(new Error('The release came first.')))
      .catch(() => undefined);
    try {
      const driver = this.driverOf(lease);
      const acquisition = await withinBudget(this.config.budgets.readinessMs, released.signal, async (signal) => {
        const request = await this.requestOf(lease, effectId, signal);
        const made = effect.attempts > 0 ? await found(driver, request) : null;
        return made ?? (await driver.acquire(request));
      });
      return await this.settle(lease, effect, (state) => provisioned(state, effectId, acquisition, newId()));
    } catch (error) {
      const failure = failureOf(error);
      return await this.settle(lease, effect, (state) =>
        provisioningFailed(state, effectId, failure, this.retryAt(state, failure), newId()),
      );
    } finally {
      over.abort();
    }
  }

  private async cleanUp(lease: Lease, effect: LeaseEffect): Promise<Lease> {
    const { effectId } = effect;
    try {
      await withinBudget(this.config.budgets.readinessMs, NEVER, (signal) => this.takeBack(lease, signal));
      return await this.settle(lease, effect, (state) => cleanedUp(state, effectId));
    } catch (error) {
      const { failureClass, reasonCode, failureReason } = failureOf(error);
      const failure: EffectFailure = { failureClass, reasonCode, failureReason };
      return await this.settle(lease, effect, (state) =>
        cleanupFailed(state, effectId, failure, this.retryAt(state, failure)),
      );
    }
  }

  private async takeBack(lease: Lease, signal: AbortSignal): Promise<void> {
    const driver = this.driverOf(lease);
    const grant = ('grant' in lease ? lease.grant : null) ?? (await this.grantInDoubt(lease, driver, signal));
    if (grant === null) return;
    const { id: leaseId, companyId, fence } = lease;
    const { providerLeaseId, teardown } = grant;
    await driver.release({ companyId, leaseId, fence, providerLeaseId, teardown, signal });
  }

  /** What provisioning may have made without the log having come to know of it. */
  private async grantInDoubt(lease: Lease, driver: RuntimeDriver, signal: AbortSignal): Promise<Acquisition | null> {
    const { provisioningId } = lease;
    if (provisioningId === null) return null;
    return found(driver, await this.requestOf(lease, provisioningId, signal));
  }

  private driverOf({ terms }: Lease): RuntimeDriver {
    return this.drivers.named(terms.driver, terms.provider);
  }

  /** The config is the one that the lease was asked for with, whatever the environment has become. */
  private async requestOf(lease: Lease, effectId: string, signal: AbortSignal): Promise<EffectRequest> {
    const { id: leaseId, companyId, fence, environmentVersion } = lease;
    const { environmentId, heartbeatRunId } = lease.terms;
    const { config } = await this.environments.environmentAtVersion(environmentId, environmentVersion);
    return { companyId, leaseId, effectId, environmentId, heartbeatRunId, config, fence, signal };
  }

  private retryAt(state: LeaseState, { failureClass }: EffectFailure): string | null {
    const effect = state?.effect;
    if (!effect) return null;
    const { kind, attempts } = effect;
    return retryAt(kind, failureClass, attempts, this.config.retryDelays, this.clock.now(), Math.random());
  }

  private record(
    lease: Lease,
    effect: LeaseEffect,
    decide: (state: LeaseState) => readonly LeaseEvent[],
  ): Promise<EffectRecord> {
    return this.effects.record(lease, effect, decide);
  }

  private async settle(
    lease: Lease,
    effect: LeaseEffect,
    decide: (state: LeaseState) => readonly LeaseEvent[],
  ): Promise<Lease> {
    return (await this.record(lease, effect, decide)).lease;
  }
}

async function found(driver: RuntimeDriver, request: EffectRequest): Promise<Acquisition | null> {
  return driver.acquiring === 'queued' ? driver.find(request) : null;
}
