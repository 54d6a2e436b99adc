import { Injectable } from '@nestjs/common';
import type { CommandContext } from '../commands/command-context.js';
import { CommandRunner } from '../commands/command-runner.js';
import type { LeaseEvent } from '../leases/events.js';
import { LeaseStore } from '../leases/lease-store.js';

/** How a command ended. */
export type ExecutionEnd = Extract<LeaseEvent, { type: 'ExecutionFinished' | 'ExecutionFailed' }>;

/** Records how commands ended: each once, whoever says it first. */
@Injectable()
export class ExecutionEnds {
  constructor(
    private readonly runner: CommandRunner,
    private readonly leases: LeaseStore,
  ) {}

  /** Nothing is recorded of a command that has not begun, or has an end. */
  async record(leaseId: string, end: ExecutionEnd, context: Omit<CommandContext, 'idempotency'>): Promise<void> {
    const { state } = await this.leases.current(leaseId);
    await this.runner.run(state.companyId, { ...context, idempotency: null }, async () => {
      const before = await this.leases.current(leaseId);
      const isOpen = end.data.executionId in before.state.executions;
      const writes = isOpen ? [this.leases.write(this.runner, leaseId, before, [end])] : [];
      return { writes, guards: [], result: {} };
    });
  }
}
