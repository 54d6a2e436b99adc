import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CONFIG, type Config } from '../../../platform/config/config.js';
import { LeaseholdError } from '../../../errors/catalogue.js';
import { EventLog } from '../../../event-sourcing/event-log/index.js';
import { FoldersInUse } from '../folders-in-use.js';
import { LeaseSides, type Done, type OpenLease } from '../lease-sides.js';
import { LocalRepository } from '../local-repository.js';
import type { LocalTree } from '../local-tree.js';
import { mustMove } from '../must-move.js';
import type { RunSource } from '../run-tree.js';
import { Spools, type Spool } from '../spool.js';
import type { Conflict, LeftOut, ReturnedCommits } from '../sync-names.js';
import { syncOut } from '../sync-out.js';
import { baseOf, dropOthers, readManifest } from '../workspace-base.js';
import { WorkspaceRoots } from '../workspace-roots.js';
import type { LocalFolder } from './sync-workspace-in.js';

export interface SyncOutCounts {
  readonly strategy: 'git' | 'archive';
  readonly added: number;
  readonly changed: number;
  readonly deleted: number;
  readonly bytes: number;
}

export interface SyncOutResult {
  readonly summary: SyncOutCounts & { readonly conflicts: number };
  readonly conflicts: readonly Conflict[];
  readonly leftOut: readonly LeftOut[];
  /** Null where the run has made none, or they cannot go anywhere. */
  readonly commits: ReturnedCommits | null;
}

/** Brings what the run has changed back into a folder. */
export class SyncWorkspaceOut extends Command<SyncOutResult & { readonly position: number }> {
  constructor(
    readonly leaseId: string,
    readonly into: LocalFolder,
    /** Null: as when it was sent. */
    readonly includeIgnored: boolean | null,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(SyncWorkspaceOut)
export class SyncWorkspaceOutHandler implements ICommandHandler<SyncWorkspaceOut> {
  constructor(
    private readonly sides: LeaseSides,
    private readonly log: EventLog,
    private readonly spools: Spools,
    private readonly folders: FoldersInUse,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  execute(command: SyncWorkspaceOut): Promise<SyncOutResult & { readonly position: number }> {
    const { leaseId, into, includeIgnored, context } = command;
    return this.sides.use(leaseId, context, 'workspace_sync_failed', async (open) => {
      mustMove(open.driver);
      const roots = new WorkspaceRoots(this.config, open.lease.companyId, into.ofEveryCompany);
      const tree = await roots.open(into.localPath);
      try {
        return await this.folders.during(tree.path, 'writes', () =>
          this.spools.during((spool) => this.sync(open, tree, roots, spool, includeIgnored)),
        );
      } finally {
        await tree.close();
      }
    });
  }

  private async sync(
    open: OpenLease,
    tree: LocalTree,
    roots: WorkspaceRoots,
    spool: Spool,
    includeIgnored: boolean | null,
  ): Promise<Done<SyncOutResult>> {
    const source = await runSource(open, this.log, this.config, includeIgnored);
    const repository = await LocalRepository.open(tree, roots, spool);
    const out = await syncOut(source, tree, repository, spool);
    const { conflicts, leftOut, commits, base, ...counts } = out;
    const strategy = source.base?.strategy ?? 'archive';
    const summary = { strategy, ...counts, conflicts: conflicts.length };
    const recorded = { ...summary, leftOut: leftOut.length, commits, ...(base && { base }) };
    const data = { direction: 'out' as const, summary: recorded };
    const result = { summary, conflicts, leftOut, commits };
    const afterwards = async (): Promise<void> => {
      if (base) await dropOthers(open.side, open.lease.id, base);
    };
    return { event: { type: 'WorkspaceSynced', data }, result, afterwards };
  }
}

/**
 * What is there to be brought back, and what it is compared with.
 * @param even where that is not known any more: all of it counts as added then
 * @throws LeaseholdError workspace_changed; DriverError
 */
export async function runSource(
  { side, lease }: OpenLease,
  log: EventLog,
  { syncLimitBytes: maxBytes }: Config,
  includeIgnored: boolean | null,
  even = false,
): Promise<RunSource> {
  const base = await baseOf(log, lease.id);
  const manifest = base
    ? await readManifest(side, lease.id, base).catch((error: unknown) => {
        if (even && error instanceof LeaseholdError) return new Map();
        throw error;
      })
    : new Map();
  return {
    side,
    leaseId: lease.id,
    base,
    manifest,
    includeIgnored: includeIgnored ?? base?.includeIgnored ?? false,
    maxBytes,
  };
}
