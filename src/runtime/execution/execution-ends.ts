import { Injectable } from '@nestjs/common';
import type { CommandContext } from '../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../event-sourcing/commands/command-runner.js';
import { EventLog, type Recorded } from '../../event-sourcing/event-log/index.js';
import { leaseStream, type LeaseEvent } from '../../domain/leases/events.js';
import { LeaseStore } from '../../domain/leases/lease-store.js';

/** How a command ended. */
export type ExecutionEnd = Extract<LeaseEvent, { type: 'ExecutionFinished' | 'ExecutionFailed' }>;

/** Records how commands ended: each once, whoever says it first. */
@Injectable()
export class ExecutionEnds {
  constructor(
    private readonly runner: CommandRunner,
    private readonly leases: LeaseStore,
    private readonly log: EventLog,
  ) {}

  /**
   * Nothing is recorded of a command that has not begun, or has an end.
   * @returns whether this end is the one that is recorded
   */
  async record(leaseId: string, end: ExecutionEnd, context: Omit<CommandContext, 'idempotency'>): Promise<boolean> {
    const { state } = await this.leases.current(leaseId);
    const outcome = await this.runner.run(state.companyId, { ...context, idempotency: null }, async () => {
      const before = await this.leases.current(leaseId);
      const isOpen = end.data.executionId in before.state.executions;
      const writes = isOpen ? [this.leases.write(this.runner, leaseId, before, [end])] : [];
      return { writes, guards: [], result: {} };
    });
    return outcome.kind === 'done' && outcome.events.length > 0;
  }

  /** How the log says that it ended; null: it does not. */
  async recorded(leaseId: string, executionId: string): Promise<ExecutionEnd | null> {
    for await (const recorded of this.log.read.stream(leaseStream(leaseId))) {
      const event = recorded as Recorded<LeaseEvent>;
      const isEnd = event.type === 'ExecutionFinished' || event.type === 'ExecutionFailed';
      if (isEnd && event.data.executionId === executionId) return event;
    }
    return null;
  }
}
