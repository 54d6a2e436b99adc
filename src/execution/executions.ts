import { Injectable } from '@nestjs/common';
import type { Readable, Writable } from 'node:stream';
import type { CommandContext } from '../commands/command-context.js';
import { CommandRunner } from '../commands/command-runner.js';
import { DriverError } from '../drivers/driver-error.js';
import { DriverRegistry } from '../drivers/driver-registry.js';
import { failureText } from '../drivers/failure-text.js';
import type { ExecutionResult, HeldLease } from '../drivers/runtime-driver.js';
import { LeaseholdError } from '../errors/catalogue.js';
import { newId } from '../ids/new-id.js';
import type { LeaseEvent } from '../leases/events.js';
import { LeaseStore } from '../leases/lease-store.js';
import { LeaseWaiter } from '../leases/lease-waiter.js';
import type { Lease } from '../leases/state.js';

export interface ExecutionWish {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string | null;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export interface ExecutionStreams {
  readonly stdin: Readable | null;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Whether some of the output was not kept. */
  truncated(): boolean;
}

export interface Execution extends ExecutionResult {
  readonly executionId: string;
  readonly durationMs: number;
}

type ActiveLease = Extract<Lease, { status: 'active' }>;

/** Runs commands in leases: what is run is in the log before it begins, and how it ended after. */
@Injectable()
export class Executions {
  constructor(
    private readonly runner: CommandRunner,
    private readonly leases: LeaseStore,
    private readonly drivers: DriverRegistry,
    private readonly waiter: LeaseWaiter,
  ) {}

  /**
   * Records that the command is about to run; with an idempotency key, once.
   * @throws LeaseholdError lease_not_found, lease_not_active, unsupported_operation, execution_not_repeatable
   */
  async begin(
    leaseId: string,
    { command, args, cwd, timeoutMs }: ExecutionWish,
    context: CommandContext,
  ): Promise<{ lease: ActiveLease; executionId: string }> {
    const executionId = newId();
    const { state: first } = await this.leases.current(leaseId);
    const driver = this.drivers.named(first.terms.driver, first.terms.provider);
    if (!driver.capabilities.supportsRunExecution) {
      const detail = `${driver.displayName}: this service runs no commands there.`;
      throw new LeaseholdError('unsupported_operation', detail, { leaseId });
    }
    const outcome = await this.runner.run(first.companyId, context, async () => {
      const before = await this.leases.current(leaseId);
      const lease = active(before.state);
      const data = { executionId, command, args: [...args], cwd, timeoutMs };
      const writes = [this.leases.write(this.runner, leaseId, before, [{ type: 'ExecutionStarted', data }])];
      return { writes, guards: [], result: { executionId }, lease };
    });
    if (outcome.kind === 'done') return { lease: outcome.plan.lease, executionId };
    throw new LeaseholdError('execution_not_repeatable', 'The command with this key was begun before.', { leaseId });
  }

  /** Runs it. The lease's end ends it too. @throws DriverError, or what the signal was aborted with */
  async run(
    lease: ActiveLease,
    executionId: string,
    wish: ExecutionWish,
    streams: ExecutionStreams,
    context: CommandContext,
    caller: AbortSignal,
  ): Promise<Execution> {
    const { id: leaseId, companyId, fence, terms, grant } = lease;
    const { providerLeaseId, teardown } = grant;
    const held: HeldLease = { companyId, leaseId, fence, providerLeaseId, teardown };
    const [over, ended] = [new AbortController(), new AbortController()];
    void this.waiter
      .until(lease, ({ status }) => status !== 'active', wish.timeoutMs, over.signal)
      .then(({ status }) => status !== 'active' && ended.abort(new Error('The lease has ended.')))
      .catch(() => undefined);
    const startedAt = performance.now();
    const duration = (): number => Math.round(performance.now() - startedAt);
    try {
      const driver = this.drivers.named(terms.driver, terms.provider);
      const { stdin, stdout, stderr } = streams;
      const signal = AbortSignal.any([caller, ended.signal]);
      const {
        exitCode,
        signal: by,
        timedOut,
      } = await driver.execute({
        ...{ lease: held, ...wish, stdin, stdout, stderr, signal },
      });
      const facts = { executionId, exitCode, signal: by, timedOut, durationMs: duration() };
      const data = { ...facts, truncated: streams.truncated() };
      await this.record(leaseId, companyId, { type: 'ExecutionFinished', data }, context);
      return facts;
    } catch (error) {
      const { failureClass, reasonCode } =
        error instanceof DriverError ? error : ({ failureClass: 'permanent', reasonCode: 'driver_failed' } as const);
      const data = { executionId, failureClass, reasonCode, failureReason: failureText(error) };
      await this.record(leaseId, companyId, { type: 'ExecutionFailed', data }, context);
      throw error;
    } finally {
      over.abort();
    }
  }

  private async record(leaseId: string, companyId: string, event: LeaseEvent, context: CommandContext): Promise<void> {
    await this.runner.run(companyId, { ...context, idempotency: null }, async () => {
      const before = await this.leases.current(leaseId);
      return { writes: [this.leases.write(this.runner, leaseId, before, [event])], guards: [], result: {} };
    });
  }
}

function active(lease: Lease): ActiveLease {
  if (lease.status === 'active') return lease;
  throw new LeaseholdError('lease_not_active', `The lease is ${lease.status}.`, { leaseId: lease.id });
}
