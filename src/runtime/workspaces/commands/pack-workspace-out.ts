import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CONFIG, type Config } from '../../../platform/config/config.js';
import { EventLog } from '../../../event-sourcing/event-log/index.js';
import { LeaseSides } from '../lease-sides.js';
import { mustMove } from '../must-move.js';
import { Spools, type Spool } from '../spool.js';
import type { LeftOut } from '../sync-names.js';
import { packOut } from '../sync-out.js';
import { runSource, type SyncOutCounts } from './sync-workspace-out.js';

export interface PackedWorkspace {
  readonly summary: SyncOutCounts;
  readonly leftOut: readonly LeftOut[];
  readonly position: number;
  /** The caller reads it, then closes the spool. */
  readonly archive: { readonly file: string; readonly spool: Spool };
}

/** Gives a workspace as an archive. It is made whole before it is answered with: half an archive would look like a smaller one. */
export class PackWorkspaceOut extends Command<PackedWorkspace> {
  constructor(
    readonly leaseId: string,
    readonly changesOnly: boolean,
    /** Null: as when it was sent. */
    readonly includeIgnored: boolean | null,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(PackWorkspaceOut)
export class PackWorkspaceOutHandler implements ICommandHandler<PackWorkspaceOut> {
  constructor(
    private readonly sides: LeaseSides,
    private readonly log: EventLog,
    private readonly spools: Spools,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute(command: PackWorkspaceOut): Promise<PackedWorkspace> {
    const { leaseId, changesOnly, includeIgnored, context } = command;
    const spool = await this.spools.make();
    try {
      let file = '';
      // An archive is not kept for a repeat: it is made of what the workspace is now.
      const once = { ...context, idempotency: null };
      const packed = await this.sides.use(leaseId, once, 'workspace_sync_failed', async (open) => {
        mustMove(open.driver);
        // Whole, it can be had even where what was sent cannot be told any more.
        const source = await runSource(open, this.log, this.config, includeIgnored, !changesOnly);
        const { file: made, leftOut, ...counts } = await packOut(source, spool, changesOnly);
        file = made;
        const summary = { strategy: source.base?.strategy ?? ('archive' as const), ...counts };
        const data = { direction: 'out' as const, summary: { ...summary, leftOut: leftOut.length } };
        return { event: { type: 'WorkspaceSynced', data }, result: { summary, leftOut } };
      });
      return { ...packed, archive: { file, spool } };
    } catch (error) {
      await spool.close();
      throw error;
    }
  }
}
