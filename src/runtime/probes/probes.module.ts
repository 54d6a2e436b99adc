import { Module } from '@nestjs/common';
import { EnvironmentsModule } from '../../domain/environments/environments.module.js';
import { ProbesController } from './http/probes.controller.js';
import { QuarantineWatch } from './quarantine-watch.js';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EnvironmentRow } from '../../domain/environments/environment-row.js';
import { Probes } from './probes.js';

@Module({
  imports: [EnvironmentsModule, TypeOrmModule.forFeature([EnvironmentRow])],
  controllers: [ProbesController],
  providers: [Probes, QuarantineWatch],
})
export class ProbesModule {}
