import {
  Global,
  Logger,
  Module,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CommandRunner } from '../../event-sourcing/commands/command-runner.js';
import { SubscriptionRunner } from '../../event-sourcing/subscriptions/index.js';
import { EnvironmentStore } from '../../domain/environments/environment-store.js';
import type { PostgresConfig } from '../../event-sourcing/postgres/index.js';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { EnvironmentsModule } from '../../domain/environments/environments.module.js';
import { LeaseRow } from '../../domain/leases/lease-row.js';
import { LeasesModule } from '../../domain/leases/leases.module.js';
import { QueueHealth } from '../../platform/operations/queue-health.js';
import { EnvironmentFailures } from './environment-failures.js';
import { EffectAttempt } from './effect-attempt.js';
import { EffectQueue } from './effect-queue.js';
import { EffectOffer, EffectSweep } from './effect-sweep.js';
import { EffectWorker } from './effect-worker.js';
import { LeftoverWatch } from './leftover-watch.js';
import { OrphanSweep } from './orphan-sweep.js';

/** The effects of leases: from the intent in the log over the queue to the driver, and back. */
@Global()
@Module({})
export class ProvisioningModule implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    private readonly queue: EffectQueue,
    private readonly subscriptions: SubscriptionRunner,
    private readonly runner: CommandRunner,
    private readonly environments: EnvironmentStore,
  ) {}

  /** Before anybody works, and before the service says that it listens. */
  onModuleInit(): Promise<void> {
    return this.queue.start();
  }

  /** Failures are counted by whoever is there, as the read models are filled. */
  onApplicationBootstrap(): void {
    this.subscriptions.add(new EnvironmentFailures(this.runner, this.environments));
  }

  static on(client: PostgresConfig): DynamicModule {
    const logger = new Logger('Queue');
    const onError = (error: Error): void => logger.warn(`The queue cannot be used: ${error.message}`);
    return {
      module: ProvisioningModule,
      imports: [EnvironmentsModule, LeasesModule, TypeOrmModule.forFeature([LeaseRow])],
      providers: [
        {
          provide: EffectQueue,
          useFactory: (config: Config) => new EffectQueue(client, config, onError),
          inject: [CONFIG],
        },
        EffectAttempt,
        EffectOffer,
        EffectSweep,
        EffectWorker,
        LeftoverWatch,
        OrphanSweep,
        { provide: QueueHealth, useFactory: queueHealth, inject: [EffectQueue, EffectWorker] },
      ],
      exports: [QueueHealth],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.queue.close();
  }
}

function queueHealth(queue: EffectQueue, worker: EffectWorker): QueueHealth {
  const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));
  return { problem: () => queue.check().then(() => worker.problem, said) };
}
