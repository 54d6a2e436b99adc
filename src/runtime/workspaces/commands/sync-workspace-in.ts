import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Readable } from 'node:stream';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CONFIG, type Config } from '../../../platform/config/config.js';
import { FoldersInUse } from '../folders-in-use.js';
import { LeaseSides, type OpenLease } from '../lease-sides.js';
import { LocalRepository } from '../local-repository.js';
import { mustMove } from '../must-move.js';
import { Spools } from '../spool.js';
import { syncIn, type SyncedIn, type SyncSource } from '../sync-in.js';
import type { LeftOut } from '../sync-names.js';
import { WorkspaceRoots } from '../workspace-roots.js';

/** A folder of the service's machine, as a caller names it. */
export interface LocalFolder {
  readonly localPath: string;
  /** Whether the caller may act for every company. */
  readonly ofEveryCompany: boolean;
}

export interface SyncInWish {
  readonly from: LocalFolder | { readonly archive: Readable };
  readonly includeIgnored: boolean;
  readonly replace: boolean;
}

export interface SyncInResult {
  readonly summary: {
    readonly strategy: 'git' | 'archive';
    readonly files: number;
    readonly symlinks: number;
    readonly bytes: number;
    readonly head: string | null;
    readonly branch: string | null;
  };
  readonly leftOut: readonly LeftOut[];
}

/** Makes a lease's workspace what a folder or an archive is. */
export class SyncWorkspaceIn extends Command<SyncInResult & { readonly position: number }> {
  constructor(
    readonly leaseId: string,
    readonly wish: SyncInWish,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(SyncWorkspaceIn)
export class SyncWorkspaceInHandler implements ICommandHandler<SyncWorkspaceIn> {
  constructor(
    private readonly sides: LeaseSides,
    private readonly spools: Spools,
    private readonly folders: FoldersInUse,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  execute({ leaseId, wish, context }: SyncWorkspaceIn): Promise<SyncInResult & { readonly position: number }> {
    return this.sides.use(leaseId, context, 'workspace_sync_failed', async (open) => {
      mustMove(open.driver);
      const { base, leftOut, ...counts } = await this.sync(open, wish);
      const { strategy, head, branch } = base;
      const summary = { strategy, ...counts, head, branch };
      const data = { direction: 'in' as const, summary: { ...summary, leftOut: leftOut.length, base } };
      return { event: { type: 'WorkspaceSynced', data }, result: { summary, leftOut } };
    });
  }

  private async sync({ side, lease }: OpenLease, { from, ...wish }: SyncInWish): Promise<SyncedIn> {
    const options = { ...wish, maxBytes: this.config.syncLimitBytes };
    if ('archive' in from) return await syncIn(side, lease.id, { kind: 'archive', stream: from.archive }, options);
    const roots = new WorkspaceRoots(this.config, lease.companyId, from.ofEveryCompany);
    const tree = await roots.open(from.localPath);
    try {
      return await this.folders.during(tree.path, 'reads', () =>
        this.spools.during(async (spool) => {
          const repository = await LocalRepository.open(tree, roots, spool);
          const source: SyncSource = { kind: 'local', tree, repository };
          return await syncIn(side, lease.id, source, options);
        }),
      );
    } finally {
      await tree.close();
    }
  }
}
