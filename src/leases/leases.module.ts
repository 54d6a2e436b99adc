import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EnvironmentsModule } from '../environments/environments.module.js';
import { Clock } from './clock.js';
import { AcquireLeaseHandler } from './commands/acquire-lease.js';
import { ExpireLeaseHandler } from './commands/expire-lease.js';
import { ReleaseLeaseHandler } from './commands/release-lease.js';
import { ReleaseRunLeasesHandler } from './commands/release-run-leases.js';
import { ExpiryTimer } from './expiry-timer.js';
import { LeasesController } from './http/leases.controller.js';
import { LeaseRow } from './lease-row.js';
import { LeaseStore } from './lease-store.js';
import { GetLeaseHandler } from './queries/get-lease.js';
import { ListLeasesHandler } from './queries/list-leases.js';

@Module({
  imports: [EnvironmentsModule, TypeOrmModule.forFeature([LeaseRow])],
  controllers: [LeasesController],
  providers: [
    Clock,
    LeaseStore,
    ExpiryTimer,
    AcquireLeaseHandler,
    ReleaseLeaseHandler,
    ReleaseRunLeasesHandler,
    ExpireLeaseHandler,
    GetLeaseHandler,
    ListLeasesHandler,
  ],
})
export class LeasesModule {}
