import { Inject, Injectable } from '@nestjs/common';
import type { CommandContext } from '../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../event-sourcing/commands/command-runner.js';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { DriverError } from '../../domain/driver-contract/driver-error.js';
import { leaseVariables } from '../../domain/driver-contract/lease-variables.js';
import { DriverRegistry } from '../../domain/driver-contract/driver-registry.js';
import { failureText } from '../../domain/driver-contract/failure-text.js';
import type { HeldLease, RuntimeDriver } from '../../domain/driver-contract/runtime-driver.js';
import { LeaseholdError, type ErrorCode } from '../../errors/catalogue.js';
import { driverProblem } from '../execution/driver-problem.js';
import type { LeaseEvent } from '../../domain/leases/events.js';
import { LeaseStore } from '../../domain/leases/lease-store.js';
import type { Lease } from '../../domain/leases/state.js';
import { UnderWay } from '../../domain/leases/under-way.js';
import { workingFolder } from '../../domain/leases/working-folder.js';
import { GitError } from './git.js';
import { LeaseSide } from './lease-side.js';
import { ChangedError } from './local-tree.js';
import { isStorageFull, storageFull } from './storage-problem.js';

/** An active lease and the way to run things in it. */
export interface OpenLease {
  readonly lease: Extract<Lease, { status: 'active' }>;
  readonly held: HeldLease;
  readonly driver: RuntimeDriver;
  readonly side: LeaseSide;
}

/** What became of a piece of work, as it is recorded and answered. */
export interface Done<Result> {
  readonly event: LeaseEvent;
  readonly result: Result;
  /** What waits until the event is recorded. */
  readonly afterwards?: () => Promise<void>;
}

/** Leases whose workspaces are being made or moved. */
@Injectable()
export class LeaseSides {
  /** Moving a workspace twice at once would mix the two. Another process is noticed by the log alone. */
  private readonly busy = new Set<string>();

  constructor(
    private readonly runner: CommandRunner,
    private readonly leases: LeaseStore,
    private readonly drivers: DriverRegistry,
    private readonly underWay: UnderWay,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Does something with an active lease's workspace, alone, unless the same command has done it before.
   * @param otherwise the code of a failure that has none of its own
   * @throws LeaseholdError lease_not_found, lease_not_active, sync_in_progress, and what became of the driver's failures
   */
  async use<Result extends object>(
    leaseId: string,
    context: CommandContext,
    otherwise: ErrorCode,
    work: (open: OpenLease) => Promise<Done<Result>>,
  ): Promise<Result & { readonly position: number }> {
    const { state: lease } = await this.leases.current(leaseId);
    const earlier = await this.runner.earlier(lease.companyId, context);
    if (earlier) return { ...(earlier.result as Result), position: earlier.position };
    const open = this.open(lease);
    if (this.busy.has(leaseId))
      throw new LeaseholdError('sync_in_progress', 'Another call is syncing it.', { leaseId });
    this.busy.add(leaseId);
    try {
      const { event, result, afterwards } = await this.underWay.duringSync(leaseId, () => work(open));
      const recorded = await this.record(lease, context, event, result);
      await afterwards?.();
      return recorded;
    } catch (error) {
      throw problemOf(error, leaseId, otherwise);
    } finally {
      this.busy.delete(leaseId);
    }
  }

  private open(lease: Lease): OpenLease {
    const { id: leaseId, companyId, fence, terms } = lease;
    if (lease.status !== 'active') {
      throw new LeaseholdError('lease_not_active', `The lease is ${lease.status}.`, { leaseId });
    }
    const { providerLeaseId, teardown } = lease.grant;
    const held: HeldLease = { companyId, leaseId, fence, providerLeaseId, teardown };
    const driver = this.drivers.named(terms.driver, terms.provider);
    const execute = ({ env, ...request }: Parameters<ConstructorParameters<typeof LeaseSide>[0]>[0]) =>
      driver.execute({
        ...{
          lease: held,
          ...request,
          cwd: workingFolder(lease, request.cwd),
          env: { ...env, ...leaseVariables(held) },
        },
      });
    return { lease, held, driver, side: new LeaseSide(execute, this.config.budgets.executionMs) };
  }

  /** What was done is done: it is recorded even where the lease has ended meanwhile. */
  private async record<Result extends object>(
    { id: leaseId, companyId }: Lease,
    context: CommandContext,
    event: LeaseEvent,
    result: Result,
  ): Promise<Result & { readonly position: number }> {
    const outcome = await this.runner.run(companyId, context, async () => {
      const before = await this.leases.current(leaseId);
      return { writes: [this.leases.write(this.runner, leaseId, before, [event])], guards: [], result };
    });
    return { ...(outcome.kind === 'repeated' ? outcome.result : result), position: outcome.position };
  }
}

/** What went wrong, as callers are told of it. */
export function problemOf(error: unknown, leaseId: string, otherwise: ErrorCode): unknown {
  if (isStorageFull(error)) return storageFull();
  // What the lease has sent is not blamed on git, see refusedHistory: this is the repository here.
  if (error instanceof GitError) return new LeaseholdError('repository_unusable', failureText(error));
  if (error instanceof ChangedError)
    return new LeaseholdError(otherwise, failureText(error), { leaseId, reasonCode: null });
  // A file that is missing or may not be read here is not the database, which is what it would be mistaken for.
  if (isFileError(error)) return new LeaseholdError(otherwise, failureText(error), { leaseId, reasonCode: null });
  if (!(error instanceof DriverError)) return error;
  return driverProblem(error, leaseId, otherwise);
}

function isFileError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'syscall' in error && 'path' in error;
}
