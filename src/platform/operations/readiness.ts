import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Background } from '../config/background.js';
import { Stopping } from '../config/stopping.js';
import { EventLog, inabilityOf, type Inability } from '../../event-sourcing/event-log/index.js';
import { Projections, type ProjectionStatus } from '../../event-sourcing/projections/index.js';
import { QueueHealth } from './queue-health.js';
import { SubscriptionRunner } from '../../event-sourcing/subscriptions/index.js';

export interface Check {
  readonly ok: boolean;
  readonly detail: string;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: {
    readonly database: Check;
    readonly migrations: Check;
    readonly projections: Check;
    readonly subscriptions: Check;
    readonly queue: Check;
    readonly background: Check;
    readonly shutdown: Check;
  };
}

/** A read model that is further behind is not one to serve queries from. */
const MAX_LAG = 10_000;
const TIMEOUT_MS = 2_000;

const INABILITIES: Readonly<Record<Inability, string>> = {
  read_only: 'is read-only',
  full: 'has no space left on its disk',
  overloaded: 'ran out of a resource or of time',
};

/** Whether this process can serve: each check says what it found, and none waits for longer than two seconds. */
@Injectable()
export class ReadinessCheck {
  constructor(
    private readonly dataSource: DataSource,
    private readonly projections: Projections,
    private readonly log: EventLog,
    private readonly runner: SubscriptionRunner,
    private readonly background: Background,
    private readonly queue: QueueHealth,
    private readonly stopping: Stopping,
  ) {}

  async check(): Promise<Readiness> {
    const [database, migrations, projections, subscriptions, queue] = await Promise.all([
      checked(() => this.databaseCheck()),
      checked(async () => {
        const pending = await this.dataSource.showMigrations();
        return { ok: !pending, detail: pending ? 'some have not been run' : 'all have been run' };
      }),
      checked(() => this.projectionsCheck()),
      checked(() => this.subscriptionsCheck()),
      checked(() => this.queueCheck()),
    ]);
    const isStopping = this.stopping.begun.aborted;
    const shutdown = {
      ok: !isStopping,
      detail: isStopping ? 'the service is shutting down' : 'no shutdown was requested',
    };
    const background = checkOf(this.background.problems, 'succeeds');
    const checks = { database, migrations, projections, subscriptions, queue, background, shutdown };
    return { ready: Object.values(checks).every(({ ok }) => ok), checks };
  }

  private async queueCheck(): Promise<Check> {
    const problem = await this.queue.problem();
    return problem === null ? { ok: true, detail: 'takes effects' } : { ok: false, detail: problem };
  }

  /** Whether it takes what is asked of it: one that answers may take no writes. */
  private async databaseCheck(): Promise<Check> {
    const [state] = await this.dataSource.query<{ isStandby: boolean; isReadOnly: boolean }[]>(
      `SELECT pg_is_in_recovery() AS "isStandby", current_setting('transaction_read_only')::boolean AS "isReadOnly"`,
    );
    if (state?.isStandby === true) return { ok: false, detail: 'is a standby, which takes no writes' };
    if (state?.isReadOnly === true) return { ok: false, detail: 'is read-only' };
    try {
      await this.log.requireWrites();
      return { ok: true, detail: 'answers' };
    } catch (error) {
      const inability = inabilityOf(error);
      return { ok: false, detail: inability === null ? 'takes no writes' : INABILITIES[inability] };
    }
  }

  private async projectionsCheck(): Promise<Check> {
    const problems = (await this.projections.status()).flatMap((status) => problemOf(status) ?? []);
    return checkOf(problems, 'all have caught up');
  }

  private async subscriptionsCheck(): Promise<Check> {
    const { met } = this.log.newer;
    const [failing, waiting] = [this.runner.failures(), await this.runner.waitingForNewer()];
    return checkOf(
      [
        ...failing.map(({ name, failure }) => `${name} makes no progress: ${failure}`),
        ...(waiting > 0
          ? [`${waiting} parked ${waiting === 1 ? 'stream waits' : 'streams wait'} for a newer release`]
          : []),
        ...(met === null ? [] : [`the log has events of a newer release: ${met.message}`]),
      ],
      'all events are understood',
    );
  }
}

function checkOf(problems: readonly string[], otherwise: string): Check {
  return { ok: problems.length === 0, detail: problems.join('; ') || otherwise };
}

function problemOf({ name, state, version, codeVersion, lag, rebuild }: ProjectionStatus): string | null {
  if (rebuild && version < codeVersion) {
    const done = `${name} is being rebuilt for this release (${Math.floor(rebuild.progress * 100)} %)`;
    return rebuild.parked > 0 ? `${done}, which ${rebuild.parked} parked streams may hold up` : done;
  }
  if (state === 'still') return `${name} has a version that this release cannot feed`;
  return lag > MAX_LAG ? `${name} is ${lag} events behind` : null;
}

async function checked(check: () => Promise<Check>): Promise<Check> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Check>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, detail: `no answer within ${TIMEOUT_MS} ms` }), TIMEOUT_MS);
  });
  try {
    return await Promise.race([check(), late]);
  } catch {
    return { ok: false, detail: 'failed' };
  } finally {
    clearTimeout(timer);
  }
}
