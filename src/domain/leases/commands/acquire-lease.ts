import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { newId } from '../../../event-sourcing/ids/new-id.js';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner, type CommandPlan } from '../../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../../event-sourcing/commands/decision.js';
import { DriverRegistry } from '../../driver-contract/driver-registry.js';
import { failureText } from '../../driver-contract/failure-text.js';
import type { AcquireRequest, ImmediateDriver } from '../../driver-contract/runtime-driver.js';
import { DefaultEnvironment } from '../../environments/default-environment.js';
import { EnvironmentStore } from '../../environments/environment-store.js';
import { environmentStream } from '../../environments/events.js';
import type { Environment } from '../../environments/state.js';
import { LeaseholdError } from '../../../errors/catalogue.js';
import { acquireLease, mayAcquire, type AcquireResult } from '../decide.js';
import { EffectHints } from '../effect-hints.js';
import { leaseStream } from '../events.js';
import { KeptSandboxes, type Takeover } from '../kept-sandboxes.js';
import { leaseOfOwnId, type AnyWish } from '../lease-of-own-id.js';
import { LeaseStore } from '../lease-store.js';
import { requireOwnMetadata } from '../own-metadata.js';
import type { Lease } from '../state.js';

export interface AcquiredLease {
  readonly environment: Environment;
  readonly lease: Lease;
  /** Position of the command's last event. */
  readonly position: number;
}

/** A lease that was asked for; `isRepeat` where it was there before: then it may have ended since. */
export interface AskedLease extends AcquiredLease {
  readonly isRepeat: boolean;
}

/**
 * Leases an environment; a driver that takes its time is asked by a worker, and the lease is not active yet.
 * @throws LeaseholdError as listed at the route
 */
export class AcquireLease extends Command<AskedLease> {
  /**
   * @param wish its `environmentId` null: the company's local environment, which is made on first use.
   * @param resumed the ended lease whose sandbox it is to have, as it is; absent: what its policy gives.
   * @param leaseId the caller's own id for it; absent: it gets one. A lease that has it already, on the same terms, is the answer.
   * @param allowCordoned also where the environment takes no new leases
   */
  constructor(
    readonly companyId: string,
    readonly wish: AnyWish,
    readonly context: CommandContext,
    readonly resumed: string | null = null,
    readonly allowCordoned = false,
    readonly leaseId: string | null = null,
  ) {
    super();
  }
}

interface AcquirePlan extends CommandPlan {
  /** `isRepeat` is not there in results of older releases. */
  readonly result: { readonly leaseId: string; readonly isRepeat?: boolean };
  readonly environment: Environment;
  /** The lease that was there before; null: it is a new one. */
  readonly earlier: Lease | null;
}

@CommandHandler(AcquireLease)
export class AcquireLeaseHandler implements ICommandHandler<AcquireLease> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly environments: EnvironmentStore,
    private readonly defaultEnvironment: DefaultEnvironment,
    private readonly leases: LeaseStore,
    private readonly kept: KeptSandboxes,
    private readonly drivers: DriverRegistry,
    private readonly hints: EffectHints,
  ) {}

  async execute(command: AcquireLease): Promise<AskedLease> {
    const { companyId, context } = command;
    const leaseId = command.leaseId ?? newId();
    const outcome = await this.runner.run(companyId, context, (fresh) => this.plan(command, leaseId, fresh));
    const { position } = outcome;
    if (outcome.kind === 'done') {
      const { earlier, environment } = outcome.plan;
      if (earlier) return { environment, lease: earlier, position, isRepeat: true };
      const lease = this.leases.advance(leaseId, { state: null, version: 0 }, outcome.events);
      this.hints.about(lease);
      await this.hints.aboutDiscarded(outcome.events);
      return acquired(environment, lease, position);
    }
    const { leaseId: first, isRepeat = false } = outcome.result;
    const lease = await this.leases.asOf(first, position);
    const environment = await this.environments.environmentAsOf(lease.terms.environmentId, position);
    return isRepeat ? { environment, lease, position, isRepeat } : acquired(environment, lease, position);
  }

  private async plan(command: AcquireLease, leaseId: string, fresh: boolean): Promise<AcquirePlan> {
    const { companyId, wish, context, resumed, allowCordoned } = command;
    const earlier = command.leaseId === null ? null : await this.earlier(companyId, leaseId, wish);
    if (earlier) {
      const { state: environment } = await this.environments.anyOf(earlier.terms.environmentId, fresh);
      return { writes: [], guards: [], result: { leaseId, isRepeat: true }, environment, earlier };
    }
    // What is refused must not have made an environment either.
    if (wish.environmentId === null) requireOwnMetadata(wish.metadata, this.drivers.forConfig('local', {}));
    const environmentId = wish.environmentId ?? (await this.defaultEnvironment.idFor(companyId, context, fresh));
    const stream = environmentStream(environmentId);
    const { environments } = this.environments;
    const { state, version } = await (fresh ? environments.current(stream) : environments.known(stream));
    const environment = factsOf(mayAcquire(companyId, { ...wish, environmentId }, state, allowCordoned));
    const { config } = environment;
    const driver = this.drivers.forConfig(environment.driver, config);
    requireOwnMetadata(wish.metadata, driver);
    const terms = { ...wish, environmentId, driver: driver.driver, provider: driver.provider };
    const reuse = await this.kept.reuseOf(companyId, terms, config, driver);
    const effectId = newId();
    const { heartbeatRunId } = wish;
    const request = { companyId, leaseId, effectId, environmentId, heartbeatRunId, config };
    const { takeover, rejected } = await this.kept.chosen(companyId, reuse, resumed);
    const tried: Tried =
      driver.acquiring === 'queued'
        ? { result: { kind: 'queued', effectId, timeoutSeconds: environment.provisioningTimeoutSeconds }, takeover }
        : await tryToAcquire(driver, request, takeover);
    const refused = takeover !== null && tried.takeover === null ? [{ ...takeover, fields: null }] : [];
    const rejections = await this.kept.rejections([...rejected, ...refused]);
    const sharing = {
      reuse,
      rejections: rejections.map(({ rejection }) => rejection),
      takenOver: tried.takeover?.takenOver ?? null,
    };
    const events = factsOf(acquireLease(terms, version, sharing, tried.result));
    return {
      writes: [
        this.leases.write(this.runner, leaseId, { state: null, version: 0 }, events),
        ...(tried.takeover ? [this.kept.handOn(tried.takeover.lease, leaseId)] : []),
        ...rejections.map(({ write }) => write),
      ],
      // The environment must still be what it was: it may have been archived, deleted or changed meanwhile.
      guards: [{ stream, version }],
      result: { leaseId },
      environment,
      earlier: null,
    };
  }

  /** @throws LeaseholdError lease_id_taken */
  private async earlier(companyId: string, leaseId: string, wish: AnyWish): Promise<Lease | null> {
    const { state } = await this.leases.leases.current(leaseStream(leaseId));
    return factsOf(leaseOfOwnId(state, companyId, wish));
  }
}

interface Tried {
  readonly result: AcquireResult;
  /** Null where there was nothing to be taken over, or it could not be used. */
  readonly takeover: Takeover | null;
}

async function tryToAcquire(
  driver: ImmediateDriver,
  request: AcquireRequest,
  takeover: Takeover | null,
): Promise<Tried> {
  const { effectId } = request;
  try {
    const resumed = takeover && (await driver.resume?.(request, takeover.held));
    if (resumed) return { result: { kind: 'acquired', effectId, acquisition: resumed }, takeover };
    return { result: { kind: 'acquired', effectId, acquisition: await driver.acquire(request) }, takeover: null };
  } catch (error) {
    return { result: { kind: 'failed', failureReason: failureText(error) }, takeover: null };
  }
}

function acquired(environment: Environment, lease: Lease, position: number): AskedLease {
  if (lease.status === 'failed') {
    throw new LeaseholdError('lease_acquire_failed', lease.ending.failureReason ?? lease.ending.reasonCode, {
      leaseId: lease.id,
    });
  }
  return { environment, lease, position, isRepeat: false };
}
