import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EnvironmentsModule } from '../environments/environments.module.js';
import { AcquireLeaseHandler } from './commands/acquire-lease.js';
import { ClearLeavingsHandler } from './commands/clear-leavings.js';
import { DiscardKeptHandler } from './commands/discard-kept.js';
import { DrainLeaseHandler } from './commands/drain-lease.js';
import { ExpireLeaseHandler } from './commands/expire-lease.js';
import { RefuseStaleFenceHandler } from './commands/refuse-stale-fence.js';
import { ReleaseLeaseHandler } from './commands/release-lease.js';
import { RenewLeaseHandler } from './commands/renew-lease.js';
import { ReleaseRunLeasesHandler } from './commands/release-run-leases.js';
import { SettleCleanupHandler } from './commands/settle-cleanup.js';
import { EnvironmentRow } from '../environments/environment-row.js';
import { DrainTimer } from './drain-timer.js';
import { EffectHints } from './effect-hints.js';
import { ExpiryTimer } from './expiry-timer.js';
import { LeaseCleanupController } from './http/lease-cleanup.controller.js';
import { LeaseRenewalController } from './http/lease-renewal.controller.js';
import { LeaseKeepingController } from './http/lease-keeping.controller.js';
import { LeaseOfOwnIdController } from './http/lease-of-own-id.controller.js';
import { LeasesController } from './http/leases.controller.js';
import { KeptSandboxes } from './kept-sandboxes.js';
import { LeaseRow } from './lease-row.js';
import { LeaseEffects } from './lease-effects.js';
import { LeaseLiveness } from './lease-liveness.js';
import { LeaseStore } from './lease-store.js';
import { LeaseWaiter } from './lease-waiter.js';
import { GetLeaseHandler } from './queries/get-lease.js';
import { HeldLeasesHandler } from './queries/held-leases.js';
import { ListLeasesHandler } from './queries/list-leases.js';
import { UnderWay } from './under-way.js';

@Module({
  imports: [EnvironmentsModule, TypeOrmModule.forFeature([LeaseRow, EnvironmentRow])],
  controllers: [
    LeasesController,
    LeaseOfOwnIdController,
    LeaseRenewalController,
    LeaseCleanupController,
    LeaseKeepingController,
  ],
  providers: [
    LeaseStore,
    LeaseLiveness,
    KeptSandboxes,
    ExpiryTimer,
    DrainTimer,
    DrainLeaseHandler,
    AcquireLeaseHandler,
    RenewLeaseHandler,
    ReleaseLeaseHandler,
    ReleaseRunLeasesHandler,
    ExpireLeaseHandler,
    SettleCleanupHandler,
    RefuseStaleFenceHandler,
    DiscardKeptHandler,
    ClearLeavingsHandler,
    EffectHints,
    LeaseEffects,
    LeaseWaiter,
    UnderWay,
    GetLeaseHandler,
    ListLeasesHandler,
    HeldLeasesHandler,
  ],
  exports: [KeptSandboxes, LeaseEffects, LeaseStore, LeaseWaiter, UnderWay],
})
export class LeasesModule {}
