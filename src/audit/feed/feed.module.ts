import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { LeaseRow } from '../../domain/leases/lease-row.js';
import { Feed } from './feed.js';
import { FeedController } from './http/feed.controller.js';
import { LiveEvents } from './live-events.js';

/** What auditors subscribe to: the events of a company, as pages and as a stream. */
@Module({
  imports: [TypeOrmModule.forFeature([LeaseRow])],
  controllers: [FeedController],
  providers: [Feed, LiveEvents],
})
export class FeedModule {}
