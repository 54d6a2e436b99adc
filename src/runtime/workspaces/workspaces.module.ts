import { Module } from '@nestjs/common';
import { LeasesModule } from '../../domain/leases/leases.module.js';
import { PackWorkspaceOutHandler } from './commands/pack-workspace-out.js';
import { RealizeWorkspaceHandler } from './commands/realize-workspace.js';
import { SyncWorkspaceInHandler } from './commands/sync-workspace-in.js';
import { SyncWorkspaceOutHandler } from './commands/sync-workspace-out.js';
import { WorkspacesController } from './http/workspaces.controller.js';
import { FoldersInUse } from './folders-in-use.js';
import { LeaseSides } from './lease-sides.js';
import { Spools } from './spool.js';

/** Workspaces of leases: made, sent and brought back. */
@Module({
  imports: [LeasesModule],
  controllers: [WorkspacesController],
  providers: [
    LeaseSides,
    Spools,
    FoldersInUse,
    RealizeWorkspaceHandler,
    SyncWorkspaceInHandler,
    SyncWorkspaceOutHandler,
    PackWorkspaceOutHandler,
  ],
})
export class WorkspacesModule {}
