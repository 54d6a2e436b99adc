import { Inject, Logger, Module, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Background } from '../../platform/config/background.js';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { Clock, EventLog } from '../../event-sourcing/event-log/index.js';
import { AuditController } from './http/audit.controller.js';
import { LeaseProofController } from './http/lease-proof.controller.js';
import { AuditTrail } from './audit-trail.js';
import { SealKeys } from './seal-keys.js';
import { Sealer } from './sealer.js';
import { SealsFile } from './seals-file.js';

/** Seals the log as it grows, and proves to others that it is as it was. */
@Module({
  controllers: [AuditController, LeaseProofController],
  providers: [
    AuditTrail,
    { provide: SealKeys, useFactory: (config: Config) => SealKeys.open(config), inject: [CONFIG] },
    { provide: Sealer, useFactory: sealer, inject: [EventLog, Clock, SealKeys, CONFIG, Background] },
  ],
})
export class AuditModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    private readonly sealer: Sealer,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** It is work like any other: who only serves leaves it to those who work. */
  onApplicationBootstrap(): void {
    if (this.config.role !== 'api') this.sealer.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.sealer.stop();
  }
}

function sealer(
  log: EventLog,
  clock: Clock,
  keys: SealKeys,
  { sealsFile, sealEveryMs }: Config,
  background: Background,
): Sealer {
  const logger = new Logger(Sealer.name);
  const file = sealsFile === null ? null : new SealsFile(sealsFile);
  return new Sealer(log, keys, file, {
    everyMs: sealEveryMs,
    now: () => clock.date(),
    warn: (message) => logger.warn(message),
    background,
  });
}
