import 'reflect-metadata';
import { createHistogram, performance } from 'node:perf_hooks';
import { CommandBus } from '@nestjs/cqrs';
import { AppModule } from '../src/app/app.module.js';
import { readConfig } from '../src/platform/config/config.js';
import { migrate } from '../src/platform/database/data-source.js';
import { CreateEnvironment } from '../src/domain/environments/commands/create-environment.js';
import { FOR_LEASES } from '../src/domain/environments/decide.js';
import { createHttpApp } from '../src/platform/http/index.js';
import { newId } from '../src/event-sourcing/ids/new-id.js';
import { AcquireLease, type AcquiredLease } from '../src/domain/leases/commands/acquire-lease.js';
import { ReleaseLease } from '../src/domain/leases/commands/release-lease.js';
import { ANY_LEASE } from './any-lease.js';
import { latencyOf, type Latency } from './measure.js';
import { onOwnPostgres, serverVersion } from './own-postgres.js';

/** Past leases of an environment. */
const LEVELS = [10, 1_000, 10_000];
const SAMPLES = 1_000;
/** So that measuring adds few leases to those that the level names. */
const SAMPLES_OF_ONE = 10;
const CALLERS = 4;

export interface Reuse {
  readonly postgres: string;
  readonly levels: readonly ({ readonly pastLeases: number } & Latency)[];
}

/**
 * AcquireLease through the command bus where it takes over what an earlier lease has left, in environments that have had
 * few and many leases. Their sandboxes are the fake provider's: what is measured is to find one.
 */
export function measureReuse(): Promise<Reuse> {
  return onOwnPostgres(async (connection, settings) => {
    await migrate(connection);
    const app = await createHttpApp(AppModule.on(connection, readConfig(settings)));
    await app.listen(0, '127.0.0.1');
    try {
      const tenant = new Tenant(app.get(CommandBus));
      const environments: string[][] = [];
      for (const pastLeases of LEVELS) {
        const count = Math.max(1, Math.min(SAMPLES / SAMPLES_OF_ONE, Math.floor(SAMPLES / pastLeases)));
        environments.push(await Promise.all(Array.from({ length: count }, () => tenant.environmentWith(pastLeases))));
      }
      const histograms = LEVELS.map(() => createHistogram());
      for (let sample = 0; sample < SAMPLES; sample += 1) {
        for (let turn = 0; turn < LEVELS.length; turn += 1) {
          const level = (sample + turn) % LEVELS.length;
          const ofLevel = environments[level] ?? [];
          const nanoseconds = await tenant.timeReuse(ofLevel[sample % ofLevel.length] ?? '');
          histograms[level]?.record(nanoseconds);
        }
      }
      const levels = LEVELS.map((pastLeases, index) => {
        const histogram = histograms[index] ?? createHistogram();
        return { pastLeases, ...latencyOf(histogram) };
      });
      return { postgres: await serverVersion(connection), levels };
    } finally {
      await app.close();
    }
  });
}

class Tenant {
  private readonly companyId = newId();
  private readonly context = { actor: 'bench:reuse', correlationId: newId(), idempotency: null };

  constructor(private readonly commands: CommandBus) {}

  async environmentWith(pastLeases: number): Promise<string> {
    const fake = { driver: 'sandbox', config: { provider: 'fake' } } as const;
    const wanted = { name: 'Reused', description: null, ...fake, metadata: null, ...FOR_LEASES };
    const { id } = await this.commands.execute(new CreateEnvironment(this.companyId, wanted, this.context));
    let left = pastLeases;
    const callers = Array.from({ length: Math.min(CALLERS, pastLeases) }, async () => {
      while (left > 0) {
        left -= 1;
        await this.release((await this.acquire(id)).lease.id);
      }
    });
    await Promise.all(callers);
    return id;
  }

  /** @returns nanoseconds of the acquire */
  async timeReuse(environmentId: string): Promise<number> {
    const started = performance.now();
    const { lease } = await this.acquire(environmentId);
    const took = performance.now() - started;
    if (lease.takenOver === null) throw new Error('Nothing was reused.');
    await this.release(lease.id);
    return Math.round(took * 1e6);
  }

  private acquire(environmentId: string): Promise<AcquiredLease> {
    const wish = { ...ANY_LEASE, leasePolicy: 'reuse_by_environment', environmentId, heartbeatRunId: newId() } as const;
    return this.commands.execute(new AcquireLease(this.companyId, wish, this.context));
  }

  private async release(leaseId: string): Promise<void> {
    const ending = { outcome: 'released', reasonCode: null, failureReason: null } as const;
    await this.commands.execute(new ReleaseLease(leaseId, ending, this.context));
  }
}
