import { Module, type DynamicModule } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import type { PostgresConfig } from './postgres/index.js';
import { AccessModule } from './access.module.js';
import { AuditModule } from './audit/audit.module.js';
import type { Config } from './config/config.js';
import type { RuntimeDriver } from './drivers/runtime-driver.js';
import { EngineModule } from './engine.module.js';
import { EnvironmentsModule } from './environments/environments.module.js';
import { HistoryModule } from './history/history.module.js';
import { FeedModule } from './feed/feed.module.js';
import { LeasesModule } from './leases/leases.module.js';
import { SecretsModule } from './secrets.module.js';
import { ExecutionModule } from './execution/execution.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { ProbesModule } from './probes/probes.module.js';
import { ProvisioningModule } from './provisioning/provisioning.module.js';
import { WebhooksModule } from './webhooks/webhooks.module.js';
import { WorkspacesModule } from './workspaces/workspaces.module.js';

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
