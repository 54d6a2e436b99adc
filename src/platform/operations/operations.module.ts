import { Module } from '@nestjs/common';
import { HealthController } from './http/health.controller.js';
import { ProjectionsController } from './http/projections.controller.js';
import { SubscriptionsController } from './http/subscriptions.controller.js';
import { ReadinessCheck } from './readiness.js';

@Module({
  controllers: [HealthController, ProjectionsController, SubscriptionsController],
  providers: [ReadinessCheck],
})
export class OperationsModule {}
