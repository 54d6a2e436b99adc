import { Module } from '@nestjs/common';
import { LeasesModule } from '../leases/leases.module.js';
import { ExecutionEnds } from './execution-ends.js';
import { Executions } from './executions.js';
import { ExecuteController } from './http/execute.controller.js';
import { TargetController } from './http/target.controller.js';
import { LostExecutions } from './lost-executions.js';
import { UnderWay } from './under-way.js';

@Module({
  imports: [LeasesModule],
  controllers: [ExecuteController, TargetController],
  providers: [Executions, ExecutionEnds, UnderWay, LostExecutions],
})
export class ExecutionModule {}
