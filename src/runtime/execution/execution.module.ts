import { Module } from '@nestjs/common';
import { LeasesModule } from '../../domain/leases/leases.module.js';
import { ExecutionEnds } from './execution-ends.js';
import { Executions } from './executions.js';
import { ExecuteController } from './http/execute.controller.js';
import { TargetController } from './http/target.controller.js';
import { LostExecutions } from './lost-executions.js';

@Module({
  imports: [LeasesModule],
  controllers: [ExecuteController, TargetController],
  providers: [Executions, ExecutionEnds, LostExecutions],
})
export class ExecutionModule {}
