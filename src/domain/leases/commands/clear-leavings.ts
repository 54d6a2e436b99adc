import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { CommandRunner } from '../../../event-sourcing/commands/command-runner.js';
import { ClearLeavings } from '../../environments/commands/clear-leavings.js';
import { environmentStream } from '../../environments/events.js';
import { EventLog } from '../../../event-sourcing/event-log/index.js';
import { EffectHints } from '../effect-hints.js';
import { leaseIdOf } from '../events.js';
import { KeptSandboxes } from '../kept-sandboxes.js';
import { LeaseStore } from '../lease-store.js';
import { LeaseWaiter } from '../lease-waiter.js';
import { isKeeping } from '../reuse.js';
import { isSettled } from '../state.js';

const PATIENCE_MS = 10_000;

@CommandHandler(ClearLeavings)
export class ClearLeavingsHandler implements ICommandHandler<ClearLeavings> {
  constructor(
    private readonly log: EventLog,
    private readonly runner: CommandRunner,
    private readonly leases: LeaseStore,
    private readonly kept: KeptSandboxes,
    private readonly waiter: LeaseWaiter,
    private readonly hints: EffectHints,
  ) {}

  async execute({ environmentId, context }: ClearLeavings): Promise<void> {
    const children = await this.log.read.openChildren(environmentStream(environmentId));
    await Promise.all(children.map((child) => this.clear(leaseIdOf(child), { ...context, idempotency: null })));
  }

  private async clear(leaseId: string, context: ClearLeavings['context']): Promise<void> {
    const { state: first } = await this.leases.current(leaseId);
    if (!isKeeping(first)) return;
    await this.runner.run(first.companyId, context, async () => {
      const lease = await this.leases.current(leaseId);
      const writes = isKeeping(lease.state) ? [await this.kept.discard(lease, 'environment_gone')] : [];
      return { writes, guards: [], result: {} };
    });
    const { state } = await this.leases.current(leaseId);
    this.hints.about(state);
    await this.waiter.until(state, isSettled, PATIENCE_MS);
  }
}
