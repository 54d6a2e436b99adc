import { Module, type DynamicModule } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import type { PostgresConfig } from '../event-sourcing/postgres/index.js';
import { AccessModule } from './access.module.js';
import { AuditModule } from '../audit/seals/audit.module.js';
import type { Config } from '../platform/config/config.js';
import type { RuntimeDriver } from '../domain/driver-contract/runtime-driver.js';
import { EngineModule } from './engine.module.js';
import { EnvironmentsModule } from '../domain/environments/environments.module.js';
import { HistoryModule } from '../audit/history/history.module.js';
import { FeedModule } from '../audit/feed/feed.module.js';
import { LeasesModule } from '../domain/leases/leases.module.js';
import { SecretsModule } from './secrets.module.js';
import { ExecutionModule } from '../runtime/execution/execution.module.js';
import { OperationsModule } from '../platform/operations/operations.module.js';
import { ProbesModule } from '../runtime/probes/probes.module.js';
import { ProvisioningModule } from '../runtime/provisioning/provisioning.module.js';
import { WebhooksModule } from '../audit/webhooks/webhooks.module.js';
import { WorkspacesModule } from '../runtime/workspaces/workspaces.module.js';

/** The whole service on a database whose migrations have been run. */
@Module({})
export class AppModule {
  /**
   * @param drivers besides those that the service brings
   * @param operatorToken a token that may do everything in this process, or null
   */
  static on(
    client: PostgresConfig,
    config: Config,
    drivers: readonly RuntimeDriver[] = [],
    operatorToken: string | null = null,
  ): DynamicModule {
    return {
      module: AppModule,
      imports: [
        CqrsModule.forRoot(),
        EngineModule.on(client, config, drivers),
        EnvironmentsModule,
        LeasesModule,
        SecretsModule,
        ExecutionModule,
        WorkspacesModule,
        ProbesModule,
        ProvisioningModule.on(client),
        HistoryModule,
        FeedModule,
        WebhooksModule,
        AuditModule,
        OperationsModule,
        AccessModule.on(operatorToken),
      ],
    };
  }
}
