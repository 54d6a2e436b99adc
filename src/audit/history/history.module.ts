import { Module } from '@nestjs/common';
import { Bundles } from './bundles.js';
import { Histories } from './histories.js';
import { EnvironmentHistoryController } from './http/environment-history.controller.js';
import { LeaseHistoryController } from './http/lease-history.controller.js';

/** What has happened to a lease or an environment, and why it is as it is. */
@Module({
  controllers: [LeaseHistoryController, EnvironmentHistoryController],
  providers: [Histories, Bundles],
})
export class HistoryModule {}
