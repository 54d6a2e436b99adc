import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ChangeCordonHandler } from './commands/change-cordon.js';
import { CreateEnvironmentHandler } from './commands/create-environment.js';
import { DeleteEnvironmentHandler } from './commands/delete-environment.js';
import { PatchEnvironmentHandler } from './commands/patch-environment.js';
import { DefaultEnvironment } from './default-environment.js';
import { EnvironmentRow } from './environment-row.js';
import { EnvironmentStore } from './environment-store.js';
import { CordonController } from './http/cordon.controller.js';
import { EnvironmentsController } from './http/environments.controller.js';
import { GetEnvironmentHandler } from './queries/get-environment.js';
import { ListEnvironmentsHandler } from './queries/list-environments.js';

@Module({
  imports: [TypeOrmModule.forFeature([EnvironmentRow])],
  controllers: [EnvironmentsController, CordonController],
  providers: [
    EnvironmentStore,
    DefaultEnvironment,
    CreateEnvironmentHandler,
    PatchEnvironmentHandler,
    DeleteEnvironmentHandler,
    ChangeCordonHandler,
    GetEnvironmentHandler,
    ListEnvironmentsHandler,
  ],
  exports: [EnvironmentStore, DefaultEnvironment],
})
export class EnvironmentsModule {}
