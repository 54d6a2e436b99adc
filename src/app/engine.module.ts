import {
  Global,
  Logger,
  Module,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { PostgresConfig } from '../event-sourcing/postgres/index.js';
import { DataSource } from 'typeorm';
import { anyTokenMade } from '../domain/access/token-rows.js';
import { CommandRunner } from '../event-sourcing/commands/command-runner.js';
import { Background } from '../platform/config/background.js';
import { CONFIG, isLoopback, type Config } from '../platform/config/config.js';
import { Stopping } from '../platform/config/stopping.js';
import { dataSourceOptions } from '../platform/database/data-source.js';
import { sharesOf } from '../platform/database/shares.js';
import { DriverRegistry } from '../domain/driver-contract/driver-registry.js';
import { loadPlugins, requireDistinct } from '../runtime/drivers/plugin/load-plugins.js';
import type { RuntimeDriver } from '../domain/driver-contract/runtime-driver.js';
import { SECRET_READER, type SecretReader } from '../domain/driver-contract/secret-reader.js';
import { SshAddresses } from '../runtime/drivers/ssh/ssh-addresses.js';
import { SshDriver } from '../runtime/drivers/ssh/ssh-driver.js';
import { LocalDriver } from '../runtime/drivers/local/local-driver.js';
import { BubblewrapDriver } from '../runtime/drivers/sandbox/bubblewrap/bubblewrap-driver.js';
import type { SandboxSettings } from '../runtime/drivers/sandbox/bubblewrap/sandbox-settings.js';
import { FakeSandboxDriver } from '../runtime/drivers/sandbox/fake-sandbox-driver.js';
import { environmentProjection } from '../domain/environments/environment-projection.js';
import { EVENT_DEFINITIONS } from './event-definitions.js';
import { TABLES } from './tables.js';
import { Clock, createLogPool, EventCatalogue, EventLog } from '../event-sourcing/event-log/index.js';
import { ownSpool } from '../runtime/workspaces/spool.js';
import { packageFolder, packageVersion } from '../platform/http/package-version.js';
import { newId } from '../event-sourcing/ids/new-id.js';
import { leaseProjection } from '../domain/leases/lease-projection.js';
import { Projections } from '../event-sourcing/projections/index.js';
import { AsOf } from '../event-sourcing/read-models/as-of.js';
import { ReadModelGate } from '../event-sourcing/read-models/read-model-gate.js';
import { secretProjection } from '../domain/secrets/secret-projection.js';
import { SECRET_EXPORTS, SECRET_PROVIDERS } from '../domain/secrets/secret-providers.js';
import { SubscriptionRunner, type SubscriptionLog } from '../event-sourcing/subscriptions/index.js';

/** What the domains stand on: the log, its subscriptions, the read models, and the drivers. One of each a process. */
@Global()
@Module({})
export class EngineModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    private readonly log: EventLog,
    private readonly runner: SubscriptionRunner,
    private readonly projections: Projections,
    private readonly drivers: DriverRegistry,
  ) {}

  /** @param drivers besides those that the service brings */
  static on(client: PostgresConfig, config: Config, drivers: readonly RuntimeDriver[]): DynamicModule {
    const catalogue = new EventCatalogue(EVENT_DEFINITIONS);
    const shares = sharesOf(config);
    const logger = new Logger('Subscriptions');
    const log: SubscriptionLog = (level, message, fields) =>
      logger[level === 'info' ? 'log' : 'warn'](`${message} ${JSON.stringify(fields)}`);
    return {
      module: EngineModule,
      imports: [TypeOrmModule.forRoot({ ...dataSourceOptions(client, shares.reads, TABLES), toRetry: () => false })],
      providers: [
        { provide: CONFIG, useValue: config },
        {
          provide: EventLog,
          useFactory: () => new EventLog(createLogPool({ ...client, max: shares.log }), client, catalogue),
        },
        { provide: Clock, useFactory: (eventLog: EventLog) => Clock.of(eventLog.pool), inject: [EventLog] },
        {
          provide: SubscriptionRunner,
          useFactory: (eventLog: EventLog) => new SubscriptionRunner(eventLog, { log }),
          inject: [EventLog],
        },
        {
          provide: Projections,
          useFactory: (eventLog: EventLog, runner: SubscriptionRunner, dataSource: DataSource) =>
            new Projections(eventLog, runner, dataSource, [environmentProjection, leaseProjection, secretProjection], {
              log,
            }),
          inject: [EventLog, SubscriptionRunner, DataSource],
        },
        {
          provide: DriverRegistry,
          useFactory: async (secrets: SecretReader, eventLog: EventLog) =>
            new DriverRegistry(
              requireDistinct([
                new LocalDriver(config.localExecute),
                new FakeSandboxDriver(),
                new BubblewrapDriver(config.dataDir, sandboxSettings(config, eventLog)),
                new SshDriver(secrets, config.budgets, config.runtimeApiCandidates, sshAddresses(config, eventLog)),
                ...(await pluginDrivers(config, secrets)),
                ...drivers,
              ]),
            ),
          inject: [SECRET_READER, EventLog],
        },
        Background,
        Stopping,
        CommandRunner,
        ReadModelGate,
        AsOf,
        ...SECRET_PROVIDERS,
      ],
      exports: [
        CONFIG,
        Background,
        Stopping,
        EventLog,
        Clock,
        SubscriptionRunner,
        Projections,
        DriverRegistry,
        CommandRunner,
        ReadModelGate,
        AsOf,
        ...SECRET_EXPORTS,
      ],
    };
  }

  async onApplicationBootstrap(): Promise<void> {
    this.log.newer.onMet(({ message }) =>
      new Logger('EventLog').warn(`The log has events of a newer release, which has to handle them. ${message}`),
    );
    await this.log.read.lookForNewer();
    await this.log.signal.listen();
    await this.projections.start();
    await this.runner.start();
  }

  /** After the last request: appended events are in the log, and the next process continues from the checkpoints. */
  async onApplicationShutdown(): Promise<void> {
    await this.drivers.close();
    await this.projections.stop();
    await this.runner.stop();
    await this.log.close();
    await this.log.pool.end();
  }
}

function sandboxSettings({ workspaceRoots, sandboxMost }: Config, { pool, read }: EventLog): SandboxSettings {
  return {
    hidden: [packageFolder(), ...workspaceRoots.map(({ path }) => path)],
    most: sandboxMost,
    someTokenMade: () => anyTokenMade(pool),
    logId: () => read.id(),
  };
}

/** Who has a token may be anywhere: a service on loopback may stand behind a proxy. */
function sshAddresses({ sshAddresses: allowed, host }: Config, log: EventLog): SshAddresses {
  return new SshAddresses(allowed, async () => isLoopback(host) && !(await anyTokenMade(log.pool)));
}

async function pluginDrivers(
  { plugins, budgets, pluginSettlingMs: settlingMs, dataDir }: Config,
  secrets: SecretReader,
): Promise<readonly RuntimeDriver[]> {
  const logger = new Logger('Plugins');
  const info = { instanceId: newId(), hostVersion: packageVersion() };
  const spool = await ownSpool(dataDir);
  return loadPlugins(plugins, { secrets, budgets, settlingMs, info, spool, write: (line) => logger.warn(line) });
}
