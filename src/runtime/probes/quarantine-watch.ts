import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LessThanOrEqual, Repository } from 'typeorm';
import { failureText } from '../../domain/driver-contract/failure-text.js';
import { EnvironmentRow } from '../../domain/environments/environment-row.js';
import { Clock, UnknownEventError } from '../../event-sourcing/event-log/index.js';
import { newId } from '../../event-sourcing/ids/new-id.js';
import { Background, type Recurring } from '../../platform/config/background.js';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { Probes } from './probes.js';

const EVERY_MS = 1_000;
const AT_ONCE = 10;

/** Probes quarantined environments when their time has come: one that answers takes leases again. */
@Injectable()
export class QuarantineWatch implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private looking: Recurring | null = null;
  private readonly ending = new AbortController();
  private readonly logger = new Logger(QuarantineWatch.name);

  constructor(
    @InjectRepository(EnvironmentRow) private readonly rows: Repository<EnvironmentRow>,
    private readonly probes: Probes,
    private readonly clock: Clock,
    private readonly background: Background,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.role === 'api') return;
    const warn = (error: unknown): void =>
      this.logger.warn(`Quarantined environments could not be looked for: ${failureText(error)}`);
    this.looking = this.background.every('probing quarantined environments', EVERY_MS, () => this.look(), { warn });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.ending.abort();
    await this.looking?.stop();
  }

  private async look(): Promise<void> {
    const now = this.clock.now();
    const due = await this.rows.find({
      select: { id: true },
      where: { nextProbeAt: LessThanOrEqual(now) },
      order: { nextProbeAt: 'ASC' },
    });
    // All of them: one that cannot be probed is in nobody's way.
    for (let from = 0; from < due.length && !this.ending.signal.aborted; from += AT_ONCE) {
      await Promise.all(due.slice(from, from + AT_ONCE).map(({ id }) => this.probe(id, now)));
    }
  }

  private async probe(environmentId: string, now: string): Promise<void> {
    const context = { actor: 'system:quarantine', correlationId: newId(), idempotency: null };
    try {
      await this.probes.ofQuarantined(environmentId, now, this.ending.signal, context);
    } catch (error) {
      if (this.ending.signal.aborted || error instanceof UnknownEventError) return;
      this.logger.warn(`The environment ${environmentId} could not be probed: ${failureText(error)}`);
    }
  }
}
