import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { EventLog } from '../../event-sourcing/event-log/index.js';
import { KeyRing } from './key-ring.js';
import { rotateMasterKey } from './rotate-master-key.js';

/** Reseals what an older master key has sealed, once the service has started and beside its work. */
@Injectable()
export class MasterKeyRotation implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Secrets');
  private readonly stopping = new AbortController();
  private rotation: Promise<void> = Promise.resolve();

  constructor(
    private readonly log: EventLog,
    private readonly keys: KeyRing,
  ) {}

  onApplicationBootstrap(): void {
    if (this.keys.olderIds.length > 0) this.rotation = this.rotate();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.rotation;
  }

  private async rotate(): Promise<void> {
    try {
      const rows = await rotateMasterKey(this.log.pool, this.keys, this.stopping.signal);
      this.logger.log(`${rows} values were sealed with the current master key.`);
    } catch (error) {
      // What is left can be read as before, and the next start tries again.
      this.logger.warn(`Some values could not be sealed with the current master key: ${String(error)}`);
    }
  }
}
