import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { newId } from '../../ids/new-id.js';
import type { CommandContext } from '../../commands/command-context.js';
import { CommandRunner } from '../../commands/command-runner.js';
import { factsOf } from '../../commands/decision.js';
import { DriverRegistry } from '../../drivers/driver-registry.js';
import { failureText } from '../../drivers/failure-text.js';
import type { AcquireRequest, RuntimeDriver } from '../../drivers/runtime-driver.js';
import { DefaultEnvironment } from '../../environments/default-environment.js';
import { EnvironmentStore } from '../../environments/environment-store.js';
import { environmentStream } from '../../environments/events.js';
import type { Environment } from '../../environments/state.js';
import { LeaseholdError } from '../../errors/catalogue.js';
import { acquireLease, mayAcquire, type AcquireResult, type LeaseWish } from '../decide.js';
import { EffectHints } from '../effect-hints.js';
import { LeaseStore } from '../lease-store.js';
import type { Lease } from '../state.js';

export interface AcquiredLease {
  readonly environment: Environment;
  readonly lease: Lease;
  /** Position of the command's last event. */
  readonly position: number;
}

/**
 * Leases an environment; a driver that takes its time is asked by a worker, and the lease is not active yet.
 * @throws LeaseholdError as listed at the route
 */
export class AcquireLease extends Command<AcquiredLease> {
  /** @param wish its `environmentId` null: the company's local environment, which is made on first use. */
  constructor(
    readonly companyId: string,
    readonly wish: Omit<LeaseWish, 'environmentId'> & { readonly environmentId: string | null },
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(AcquireLease)
export class AcquireLeaseHandler implements ICommandHandler<AcquireLease> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly environments: EnvironmentStore,
    private readonly defaultEnvironment: DefaultEnvironment,
    private readonly leases: LeaseStore,
    private readonly drivers: DriverRegistry,
    private readonly hints: EffectHints,
  ) {}

  async execute({ companyId, wish, context }: AcquireLease): Promise<AcquiredLease> {
    const leaseId = newId();
    const outcome = await this.runner.run(companyId, context, async (fresh) => {
      const environmentId = wish.environmentId ?? (await this.defaultEnvironment.idFor(companyId, context, fresh));
      const stream = environmentStream(environmentId);
      const { environments } = this.environments;
      const { state, version } = await (fresh ? environments.current(stream) : environments.known(stream));
      const environment = factsOf(mayAcquire(companyId, { ...wish, environmentId }, state));
      const driver = this.drivers.forConfig(environment.driver, environment.config);
      const { heartbeatRunId } = wish;
      const { config } = environment;
      const result = await tryToAcquire(driver, {
        companyId,
        leaseId,
        effectId: newId(),
        environmentId,
        heartbeatRunId,
        config,
      });
      const terms = { ...wish, environmentId, driver: driver.driver, provider: driver.provider };
      const events = factsOf(acquireLease(terms, version, result));
      return {
        writes: [this.leases.write(this.runner, leaseId, { state: null, version: 0 }, events)],
        // The environment must still be what it was: it may have been archived, deleted or changed meanwhile.
        guards: [{ stream, version }],
        result: { leaseId },
        environment,
      };
    });
    const { position } = outcome;
    if (outcome.kind === 'done') {
      const lease = this.leases.advance(leaseId, { state: null, version: 0 }, outcome.events);
      this.hints.about(lease);
      return acquired(outcome.plan.environment, lease, position);
    }
    const lease = await this.leases.asOf(outcome.result.leaseId, position);
    return acquired(await this.environments.environmentAsOf(lease.terms.environmentId, position), lease, position);
  }
}

async function tryToAcquire(driver: RuntimeDriver, request: AcquireRequest): Promise<AcquireResult> {
  const { effectId } = request;
  if (driver.acquiring === 'queued') return { kind: 'queued', effectId };
  try {
    return { kind: 'acquired', effectId, acquisition: await driver.acquire(request) };
  } catch (error) {
    return { kind: 'failed', failureReason: failureText(error) };
  }
}

function acquired(environment: Environment, lease: Lease, position: number): AcquiredLease {
  if (lease.status === 'failed') {
    throw new LeaseholdError('lease_acquire_failed', lease.ending.failureReason ?? lease.ending.reasonCode, {
      leaseId: lease.id,
    });
  }
  return { environment, lease, position };
}
