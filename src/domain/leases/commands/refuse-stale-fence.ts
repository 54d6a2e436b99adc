import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../../event-sourcing/commands/command-runner.js';
import { recordStaleFence } from '../decide-fence.js';
import { LeaseStore } from '../lease-store.js';

/** Records that a command with the fence of an earlier holder was refused. */
export class RefuseStaleFence extends Command<void> {
  /** @param command the part of its path behind the lease, such as `execute` */
  constructor(
    readonly leaseId: string,
    readonly fence: number,
    readonly command: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RefuseStaleFence)
export class RefuseStaleFenceHandler implements ICommandHandler<RefuseStaleFence> {
  constructor(
    private readonly runner: CommandRunner,
    private readonly leases: LeaseStore,
  ) {}

  async execute({ leaseId, fence, command, context }: RefuseStaleFence): Promise<void> {
    const { companyId } = await this.leases.known(leaseId);
    // The refused command's key is not this one's: sent again with its own fence, the command has yet to be done.
    const ownContext = { ...context, idempotency: null };
    await this.runner.run(companyId, ownContext, async () => {
      const before = await this.leases.current(leaseId);
      const events = recordStaleFence(before.state, fence, command);
      const writes = events.length === 0 ? [] : [this.leases.write(this.runner, leaseId, before, events)];
      return { writes, guards: [], result: {} };
    });
  }
}
