import { Inject, Injectable } from '@nestjs/common';
import { Turns } from '../../event-sourcing/commands/turns.js';
import { LRUCache } from 'lru-cache';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { DriverRegistry } from '../../domain/driver-contract/driver-registry.js';
import { failureOf, type DriverFailure } from '../../domain/driver-contract/failure-of.js';
import type {
  Acquisition,
  EffectRequest,
  HeldLease,
  RuntimeDriver,
} from '../../domain/driver-contract/runtime-driver.js';
import { EnvironmentStore } from '../../domain/environments/environment-store.js';
import { LeaseholdError } from '../../errors/catalogue.js';
import { Clock } from '../../event-sourcing/event-log/index.js';
import { newId } from '../../event-sourcing/ids/new-id.js';
import {
  beginAttempt,
  cleanedUp,
  cleanupFailed,
  isSuspect,
  leftBehind,
  pendingEffect,
  provisioned,
  provisioningFailed,
} from '../../domain/leases/decide-effects.js';
import { secondsAfter } from '../../domain/leases/deadline.js';
import type { LeaseEvent } from '../../domain/leases/events.js';
import { LeaseEffects, type EffectRecord } from '../../domain/leases/lease-effects.js';
import { heldBy } from '../../domain/leases/held-lease.js';
import { KeptSandboxes } from '../../domain/leases/kept-sandboxes.js';
import { LeaseWaiter } from '../../domain/leases/lease-waiter.js';
import { retryAt } from '../../domain/leases/retry-policy.js';
import { isReusable } from '../../domain/leases/reuse.js';
import type { EffectFailure, JsonObject, Kept, Lease, LeaseEffect, LeaseState } from '../../domain/leases/state.js';
import type { Placed } from './effect-places.js';
import { effectRequest } from './effect-request.js';
import { withinBudget } from './within-budget.js';

/** What came of asking a driver. */
type Answer<T> = { readonly given: T } | { readonly failure: DriverFailure };

/** A sandbox is in the data folder of one process: how long others wait for that one, and how often they look. */
const PATIENCE_MS = 600_000;
const LOOK_AGAIN_MS = 1_000;

const NEVER = new AbortController().signal;

/**
 * One attempt at an effect: its start is recorded, the driver is called, and the result is recorded. It may be interrupted
 * anywhere: the next attempt finds in the log how far it came, and asks the driver what exists before creating anything.
 */
@Injectable()
export class EffectAttempt {
  private readonly turns = new Turns();
  /** Since when effects are left to other processes. */
  private readonly elsewhere = new LRUCache<string, number>({ max: 10_000 });

  constructor(
    private readonly effects: LeaseEffects,
    private readonly environments: EnvironmentStore,
    private readonly drivers: DriverRegistry,
    private readonly kept: KeptSandboxes,
    private readonly waiter: LeaseWaiter,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** What its turn goes by; null: it is not pending any more. */
  async candidate(leaseId: string, effectId: string): Promise<Placed | null> {
    const lease = await this.effects.lease(leaseId).catch(nullWhenNotFound);
    const pending = lease && pendingEffect(lease, effectId);
    if (!pending) return null;
    const { companyId, terms } = lease;
    return { companyId, environmentId: terms.environmentId, kind: pending.effect.kind, priority: terms.priority };
  }

  /**
   * @returns when (ISO 8601) to try the effect again, or null
   * @throws LeaseholdError, or the database's errors: then nothing is known of this attempt but what the log has
   */
  async carryOut(leaseId: string, effectId: string): Promise<string | null> {
    const lease = await this.effects.lease(leaseId);
    const pending = pendingEffect(lease, effectId);
    if (pending === null) return null;
    const { effect } = pending;
    const later = await this.leftToOthers(lease, effect);
    if (later !== null) return later;
    const attempt = (): Promise<string | null> => this.attempt(lease, effect);
    // Of effects that were under way together when processes died, only one that is alone the last time can be blamed.
    return isSuspect(effect) ? this.turns.take('suspects', attempt) : attempt();
  }

  /**
   * When to look again, where only a process with another data folder can do it: no attempt of the effect's. After some time it is
   * attempted anyway, so that the failure is visible.
   */
  private async leftToOthers(lease: Lease, { effectId }: LeaseEffect): Promise<string | null> {
    // If this cannot be determined, the attempt reports why.
    if (!(await this.isElsewhere(lease).catch(() => false))) return null;
    const since = this.elsewhere.get(effectId) ?? performance.now();
    this.elsewhere.set(effectId, since);
    if (performance.now() - since > PATIENCE_MS) return null;
    return new Date(Date.parse(this.clock.now()) + LOOK_AGAIN_MS).toISOString();
  }

  private async isElsewhere(lease: Lease): Promise<boolean> {
    const held = heldBy(lease) ?? lease.takenOver;
    const driver = this.driverOf(lease);
    return held !== null && driver.acquiring === 'queued' && (await driver.isElsewhere?.(held.teardown)) === true;
  }

  private async attempt(lease: Lease, effect: LeaseEffect): Promise<string | null> {
    const { effectId } = effect;
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
    const config = await this.configOf(lease);
    const over = new AbortController();
    const released = new AbortController();
    // A release ends the attempt: its result is no longer wanted.
    void this.waiter
      .until(lease, ({ status }) => status !== 'provisioning', this.config.budgets.readinessMs, over.signal)
      .then(({ status }) => status === 'releasing' && released.abort(new Error('The release came first.')))
      .catch(() => undefined);
    const answer = await this.asked(released.signal, async (signal) => {
      const driver = this.driverOf(lease);
      const request = effectRequest(lease, effectId, config, this.clock.now(), signal);
      const made = effect.attempts > 0 ? await found(driver, request) : null;
      return made ?? (await takenOverOrMade(lease, driver, request));
    }).finally(() => over.abort());
    if ('failure' in answer) {
      const { failure } = answer;
      return this.settle(lease, effect, (state) =>
        provisioningFailed(state, effectId, failure, this.retryAt(state, failure), newId()),
      );
    }
    const { given } = answer;
    if (given !== null) {
      return this.settle(lease, effect, (state) => provisioned(state, effectId, given, newId(), this.settledAt(lease)));
    }
    // It is taken down by the lease that left it.
    await this.effects.recordFailedTakeover(lease.id, effect);
    return this.provision({ ...lease, takenOver: null }, effect);
  }

  private async cleanUp(lease: Lease, effect: LeaseEffect): Promise<Lease> {
    const { effectId } = effect;
    const inDoubt = heldBy(lease) === null ? await this.configOf(lease) : null;
    const reusable = isReusable(lease) ? await this.kept.reusable(lease) : null;
    const answer = await this.asked(NEVER, (signal) => this.takeBack(lease, inDoubt, reusable, signal));
    if ('failure' in answer) {
      const { failureClass, reasonCode, failureReason } = answer.failure;
      const failure: EffectFailure = { failureClass, reasonCode, failureReason };
      return this.settle(lease, effect, (state) =>
        cleanupFailed(state, effectId, failure, this.retryAt(state, failure)),
      );
    }
    const { given: kept } = answer;
    return this.settle(lease, effect, (state) =>
      kept ? leftBehind(state, effectId, kept) : cleanedUp(state, effectId, this.settledAt(lease)),
    );
  }

  /** Within the budget. Only the driver: that the log cannot be read or written is no failure of an attempt. */
  private async asked<T>(stop: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<Answer<T>> {
    try {
      return { given: await withinBudget(this.config.budgets.readinessMs, stop, work) };
    } catch (error) {
      return { failure: failureOf(error) };
    }
  }

  /**
   * Takes down what the lease holds, or leaves it to others where it is reusable: then it is told how.
   * @param inDoubt its config, where the log does not say what it holds
   */
  private async takeBack(
    lease: Lease,
    inDoubt: JsonObject | null,
    reusable: Kept | null,
    signal: AbortSignal,
  ): Promise<Kept | null> {
    const driver = this.driverOf(lease);
    const held = inDoubt ? await heldInDoubt(lease, driver, inDoubt, this.clock.now(), signal) : heldBy(lease);
    if (held === null) return null;
    if (reusable && driver.acquiring === 'queued' && driver.suspend) {
      await driver.suspend({ ...held, signal });
      return reusable;
    }
    await driver.release({ ...held, signal });
    return null;
  }

  /** When the provider shows whatever was made until now (ISO 8601); null: at once. */
  private settledAt(lease: Lease): string | null {
    const driver = this.driverOf(lease);
    const settling = driver.acquiring === 'queued' ? driver.settling : undefined;
    return settling ? secondsAfter(this.clock.now(), settling.ms / 1_000) : null;
  }

  private driverOf({ terms }: Lease): RuntimeDriver {
    return this.drivers.named(terms.driver, terms.provider);
  }

  /** The one that the lease was asked for with, whatever the environment has become. */
  private async configOf({ environmentVersion, terms: { environmentId } }: Lease): Promise<JsonObject> {
    return (await this.environments.environmentAtVersion(environmentId, environmentVersion)).config;
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

/** What the queue has may be of another log, or nothing but a probe of it. */
function nullWhenNotFound(error: unknown): null {
  if (error instanceof LeaseholdError && error.code === 'lease_not_found') return null;
  throw error;
}

async function found(driver: RuntimeDriver, request: EffectRequest): Promise<Acquisition | null> {
  return driver.acquiring === 'queued' ? driver.find(request) : null;
}

/** Null where the lease was to take over what an ended lease left, and that cannot be used. */
async function takenOverOrMade(
  { companyId, takenOver }: Lease,
  driver: RuntimeDriver,
  request: EffectRequest,
): Promise<Acquisition | null> {
  if (takenOver === null || driver.acquiring !== 'queued') return driver.acquire(request);
  return (await driver.resume?.({ ...request, from: { companyId, ...takenOver } })) ?? null;
}

/** What provisioning may have made without the log having come to know of it. */
async function heldInDoubt(
  lease: Lease,
  driver: RuntimeDriver,
  config: JsonObject,
  now: string,
  signal: AbortSignal,
): Promise<HeldLease | null> {
  const { id: leaseId, companyId, fence, provisioningId, takenOver } = lease;
  if (provisioningId === null) return null;
  const grant = await found(driver, effectRequest(lease, provisioningId, config, now, signal));
  if (grant === null) return takenOver && { companyId, ...takenOver };
  const { providerLeaseId, teardown } = grant;
  return { companyId, leaseId, fence, providerLeaseId, teardown };
}
