import { Module } from '@nestjs/common';
import { LeasesModule } from '../leases/leases.module.js';
import { PackWorkspaceOutHandler } from './commands/pack-workspace-out.js';
import { RealizeWorkspaceHandler } from './commands/realize-workspace.js';
import { SyncWorkspaceInHandler } from './commands/sync-workspace-in.js';
import { SyncWorkspaceOutHandler } from './commands/sync-workspace-out.js';
import { WorkspacesController } from './http/workspaces.controller.js';
import { LeaseSides } from './lease-sides.js';

/** Workspaces of leases: made, sent and brought back. */
@Module({
  imports: [LeasesModule],
  controllers: [WorkspacesController],
  providers: [
    LeaseSides,
    RealizeWorkspaceHandler,
    SyncWorkspaceInHandler,
    SyncWorkspaceOutHandler,
    PackWorkspaceOutHandler,
  ],
})
export class WorkspacesModule {}
