import { Injectable } from '@nestjs/common';
import type { Readable, Writable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import type { CommandContext } from '../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../event-sourcing/commands/command-runner.js';
import { Stopping } from '../../platform/config/stopping.js';
import { leaseVariables } from '../../domain/driver-contract/lease-variables.js';
import { DriverRegistry } from '../../domain/driver-contract/driver-registry.js';
import type { ExecutionResult, HeldLease } from '../../domain/driver-contract/runtime-driver.js';
import { LeaseholdError } from '../../errors/catalogue.js';
import { newId } from '../../event-sourcing/ids/new-id.js';
import { LeaseStore } from '../../domain/leases/lease-store.js';
import { LeaseWaiter } from '../../domain/leases/lease-waiter.js';
import type { Lease } from '../../domain/leases/state.js';
import { workingFolder } from '../../domain/leases/working-folder.js';
import {
  ExecutionStopped,
  executionProblem,
  failureOfExecution,
  follow,
  LeaseEnded,
  problemOfEnd,
  whyOver,
} from './execution-causes.js';
import { ExecutionEnds, type ExecutionEnd } from './execution-ends.js';
import { recordedArgs } from './recorded-args.js';
import { UnderWay } from '../../domain/leases/under-way.js';

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
    private readonly underWay: UnderWay,
    private readonly ends: ExecutionEnds,
    private readonly stopping: Stopping,
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
    // First, so that there is no moment at which the log has a command that nobody answers for.
    await this.underWay.enter(executionId, leaseId);
    try {
      const outcome = await this.runner.run(first.companyId, context, async () => {
        const before = await this.leases.current(leaseId);
        active(before.state);
        const data = { executionId, command, ...recordedArgs(args), cwd, timeoutMs };
        const writes = [this.leases.write(this.runner, leaseId, before, [{ type: 'ExecutionStarted', data }])];
        return { writes, guards: [], result: { executionId }, before };
      });
      if (outcome.kind === 'done') {
        return { lease: active(this.leases.advance(leaseId, outcome.plan.before, outcome.events)), executionId };
      }
      throw new LeaseholdError('execution_not_repeatable', 'The command with this key was started before.', {
        leaseId,
      });
    } catch (error) {
      this.underWay.leave(executionId);
      throw error;
    }
  }

  /**
   * Runs it. It ends with the lease, and when another process considers this one lost.
   * @throws LeaseholdError of what the driver threw; the database's errors where its end could not be recorded
   */
  async execute(
    lease: ActiveLease,
    executionId: string,
    wish: ExecutionWish,
    streams: ExecutionStreams,
    context: CommandContext,
    caller: AbortSignal,
  ): Promise<Execution> {
    const { id: leaseId, companyId, fence, terms, grant } = lease;
    const isOver = ({ status, executions }: Lease): boolean => status !== 'active' || !(executionId in executions);
    const { providerLeaseId, teardown } = grant;
    const held: HeldLease = { companyId, leaseId, fence, providerLeaseId, teardown };
    const [over, ended] = [new AbortController(), new AbortController()];
    void this.waiter
      .until(lease, isOver, wish.timeoutMs, over.signal)
      .then((now) => isOver(now) && ended.abort(whyOver(now)))
      .catch(() => undefined);
    const unfollow = [
      follow(caller, () => ended.abort(new ExecutionStopped('caller_gone'))),
      follow(this.stopping.late, () => ended.abort(new ExecutionStopped('service_stopping'))),
    ];
    const startedAt = performance.now();
    const execute = async (): Promise<Execution> => {
      const driver = this.drivers.named(terms.driver, terms.provider);
      const { stdin, stdout, stderr } = streams;
      const { signal } = ended;
      const env = { ...wish.env, ...leaseVariables(held) };
      signal.throwIfAborted();
      const {
        exitCode,
        signal: by,
        timedOut,
      } = await driver.execute({
        ...{ lease: held, ...wish, cwd: workingFolder(lease, wish.cwd), env, stdin, stdout, stderr, signal },
      });
      // What is taken down with its lease ends by a signal, which is not how the command ended.
      if (by !== null && !timedOut) await this.mustBeActive(leaseId);
      return { executionId, exitCode, signal: by, timedOut, durationMs: Math.round(performance.now() - startedAt) };
    };
    const record = async (end: ExecutionEnd): Promise<void> => {
      const isRecorded = await this.ends.record(leaseId, end, context);
      this.underWay.settle(executionId);
      // Somebody has ended it meanwhile: the caller is told what the log says.
      if (isRecorded) return;
      const recorded = await this.ends.recorded(leaseId, executionId);
      if (recorded?.type !== end.type || !isDeepStrictEqual(recorded.data, end.data))
        throw problemOfEnd(recorded, leaseId);
    };
    try {
      // That its end cannot be recorded is no failure of the command.
      const facts = await execute().catch(async (thrown: unknown) => {
        const cause: unknown = ended.signal.aborted ? ended.signal.reason : thrown;
        const error: unknown = await this.mustBeActive(leaseId).then(
          () => cause,
          (why: unknown) => (why instanceof LeaseEnded ? why : cause),
        );
        const { failureClass, reasonCode, failureReason } = failureOfExecution(error);
        await record({ type: 'ExecutionFailed', data: { executionId, failureClass, reasonCode, failureReason } });
        throw executionProblem(error, leaseId);
      });
      await record({ type: 'ExecutionFinished', data: { ...facts, truncated: streams.truncated() } });
      return facts;
    } finally {
      over.abort();
      for (const off of unfollow) off();
      this.underWay.leave(executionId);
    }
  }

  /** @throws LeaseEnded */
  private async mustBeActive(leaseId: string): Promise<void> {
    const { state } = await this.leases.current(leaseId);
    if (state.status !== 'active') throw new LeaseEnded(state.ending?.reasonCode ?? 'released_by_caller');
  }
}

function active(lease: Lease): ActiveLease {
  if (lease.status === 'active') return lease;
  throw new LeaseholdError('lease_not_active', `The lease is ${lease.status}.`, { leaseId: lease.id });
}
