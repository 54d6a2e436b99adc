import { Module } from '@nestjs/common';
import { LeasesModule } from '../leases/leases.module.js';
import { Executions } from './executions.js';
import { ExecuteController } from './http/execute.controller.js';
import { TargetController } from './http/target.controller.js';

@Module({ imports: [LeasesModule], controllers: [ExecuteController, TargetController], providers: [Executions] })
export class ExecutionModule {}
