import { Module } from '@nestjs/common';
import { EnvironmentsModule } from '../../domain/environments/environments.module.js';
import { ProbesController } from './http/probes.controller.js';
import { Probes } from './probes.js';

@Module({ imports: [EnvironmentsModule], controllers: [ProbesController], providers: [Probes] })
export class ProbesModule {}
