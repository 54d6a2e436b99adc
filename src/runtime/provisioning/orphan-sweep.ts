import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Background, type Recurring } from '../../platform/config/background.js';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { DriverRegistry } from '../../domain/driver-contract/driver-registry.js';
import type { Holding, Holdings } from '../../domain/driver-contract/runtime-driver.js';
import { EventLog } from '../../event-sourcing/event-log/index.js';
import { leaseStream } from '../../domain/leases/events.js';

const LONGEST_MS = 60_000;
const LOOKS = 10;

/**
 * Takes down sandboxes on this machine that no lease of the log holds: what leases made that a restore has undone. Decision
 * 0032 says which are orphans.
 */
@Injectable()
export class OrphanSweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private sweeping: Recurring | null = null;
  private readonly ending = new AbortController();
  private readonly logger = new Logger('Sandboxes');

  constructor(
    private readonly log: EventLog,
    private readonly drivers: DriverRegistry,
    private readonly background: Background,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.role === 'api') return;
    const everyMs = Math.min(LONGEST_MS, this.config.orphanMs / LOOKS);
    const sweep = (): Promise<void> => this.sweep();
    this.sweeping = this.background.every('looking for orphaned sandboxes', everyMs, sweep, { atOnce: true });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.ending.abort();
    await this.sweeping?.stop();
  }

  private async sweep(): Promise<void> {
    for (const driver of this.drivers.drivers) {
      if (driver.acquiring === 'queued' && driver.holdings) await this.sweepThose(driver.holdings);
    }
  }

  private async sweepThose(holdings: Holdings): Promise<void> {
    const { epoch } = this.log.history;
    // Before the log is asked: a sandbox is made for a lease that is in the log already.
    const found = await holdings.all();
    if (found.length === 0) return;
    const log = await this.log.read.id();
    if (log === null) return;
    const known = await this.log.read.existing(found.map(({ leaseId }) => leaseStream(leaseId)));
    for (const holding of found) {
      if (this.ending.signal.aborted || epoch !== this.log.history.epoch) return;
      if (known.has(leaseStream(holding.leaseId))) {
        if (holding.log === null || holding.suspectSince !== null) await holdings.confirm(holding.name, log);
      } else if (holding.log === log) {
        await this.orphaned(holdings, holding);
      }
    }
  }

  private async orphaned(holdings: Holdings, holding: Holding): Promise<void> {
    const { name, leaseId, suspectSince } = holding;
    const what = `Sandbox ${name} belongs to lease ${leaseId}, which the log does not have`;
    if (suspectSince === null) {
      await holdings.suspect(name);
      this.logger.warn(`${what}. It is removed in ${this.config.orphanMs} ms (LEASEHOLD_ORPHAN_SANDBOX_MS).`);
    } else if (Date.now() - suspectSince >= this.config.orphanMs && (await holdings.remove(holding))) {
      this.logger.warn(`${what}. It was removed.`);
    }
  }
}
