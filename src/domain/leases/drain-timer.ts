import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import type { CommandContext } from '../../event-sourcing/commands/command-context.js';
import { CommandRunner } from '../../event-sourcing/commands/command-runner.js';
import { factsOf } from '../../event-sourcing/commands/decision.js';
import { Clock, EventLog, UnknownEventError } from '../../event-sourcing/event-log/index.js';
import { newId } from '../../event-sourcing/ids/new-id.js';
import { Background, type Recurring } from '../../platform/config/background.js';
import { drainDeadline, endDrain } from '../environments/decide-cordon.js';
import { EnvironmentRow } from '../environments/environment-row.js';
import { EnvironmentStore } from '../environments/environment-store.js';
import { environmentStream } from '../environments/events.js';
import { isDraining } from '../environments/state.js';
import { DrainLease } from './commands/drain-lease.js';
import { leaseIdOf } from './events.js';

const EVERY_MS = 1_000;
const AT_ONCE = 100;

/**
 * Looks every second at the environments that are drained: ends what is there at the deadline, and records when nothing is left.
 * As the expiry timer it decides on the log, so a process that is killed forgets nothing and several do nothing twice.
 */
@Injectable()
export class DrainTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private looking: Recurring | null = null;
  private isEnding = false;
  private readonly logger = new Logger(DrainTimer.name);

  constructor(
    @InjectRepository(EnvironmentRow) private readonly rows: Repository<EnvironmentRow>,
    private readonly commands: CommandBus,
    private readonly runner: CommandRunner,
    private readonly log: EventLog,
    private readonly environments: EnvironmentStore,
    private readonly clock: Clock,
    private readonly background: Background,
  ) {}

  onApplicationBootstrap(): void {
    const warn = (error: unknown): void => this.warn(error);
    this.looking = this.background.every('draining environments', EVERY_MS, () => this.look(), { warn });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isEnding = true;
    await this.looking?.stop();
  }

  private async look(): Promise<void> {
    const rows = await this.rows.find({ select: { id: true, companyId: true }, where: { draining: true } });
    for (const { id, companyId } of rows) {
      if (this.isEnding) return;
      // One that cannot be drained is in nobody's way.
      await this.settle(companyId, id).catch((error: unknown) => this.warn(error));
    }
  }

  private async settle(companyId: string, environmentId: string): Promise<void> {
    const context: CommandContext = { actor: 'system:drain', correlationId: newId(), idempotency: null };
    const stream = environmentStream(environmentId);
    const { state } = await this.environments.environments.current(stream);
    const now = this.clock.now();
    if (!isDraining(state)) return;
    if (drainDeadline(state, now) !== null) await this.endLeases(stream, now, context);
    await this.runner.run(companyId, context, async () => {
      const basis = await this.environments.basis(companyId, environmentId);
      const isEmpty = (await this.log.read.openChildren(stream)).length === 0;
      const facts = factsOf(endDrain(basis.environment.state, isEmpty));
      return {
        writes: this.environments.writes(this.runner, companyId, environmentId, basis, facts),
        guards: [],
        result: {},
      };
    });
  }

  private async endLeases(stream: string, now: string, context: CommandContext): Promise<void> {
    const leases = (await this.log.read.openChildren(stream)).map(leaseIdOf);
    for (let from = 0; from < leases.length && !this.isEnding; from += AT_ONCE) {
      const some = leases.slice(from, from + AT_ONCE);
      const results = await Promise.allSettled(
        some.map((id) => this.commands.execute(new DrainLease(id, now, context))),
      );
      for (const result of results) if (result.status === 'rejected') this.warn(result.reason);
    }
  }

  /** The log and the readiness say it of what is a newer release's to drain. */
  private warn(error: unknown): void {
    if (!(error instanceof UnknownEventError)) this.logger.warn(`A drain cannot go on: ${String(error)}`);
  }
}
