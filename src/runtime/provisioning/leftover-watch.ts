import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { MoreThan, Repository } from 'typeorm';
import { Background, type Recurring } from '../../platform/config/background.js';
import { CONFIG, type Config } from '../../platform/config/config.js';
import { DriverRegistry } from '../../domain/driver-contract/driver-registry.js';
import { failureText } from '../../domain/driver-contract/failure-text.js';
import type { QueuedDriver } from '../../domain/driver-contract/runtime-driver.js';
import { EnvironmentStore } from '../../domain/environments/environment-store.js';
import { Clock } from '../../event-sourcing/event-log/index.js';
import { LeaseEffects } from '../../domain/leases/lease-effects.js';
import { LeaseRow } from '../../domain/leases/lease-row.js';
import { lookedForLeftovers } from '../../domain/leases/decide-effects.js';
import type { Doubt, Lease } from '../../domain/leases/state.js';
import { effectRequest } from './effect-request.js';
import { withinBudget } from './within-budget.js';

const EVERY_MS = 1_000;
const AT_ONCE = 100;
/** While a provider settles it is asked this often, but for the shortest of times. */
const LOOKS = 20;

/**
 * Looks for what lost attempts at provisioning have made, where the provider shows it only some time later, and takes it
 * down. Until the provider has settled the lease is in doubt.
 */
@Injectable()
export class LeftoverWatch implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private looking: Recurring | null = null;
  private readonly ending = new AbortController();
  /** By lease, when it is looked at next, by this process's own clock. */
  private next = new Map<string, number>();
  private readonly logger = new Logger(LeftoverWatch.name);

  constructor(
    @InjectRepository(LeaseRow) private readonly rows: Repository<LeaseRow>,
    private readonly effects: LeaseEffects,
    private readonly environments: EnvironmentStore,
    private readonly drivers: DriverRegistry,
    private readonly clock: Clock,
    private readonly background: Background,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.role === 'api') return;
    const warn = (error: unknown): void => this.warn(error);
    this.looking = this.background.every('looking for leftovers', EVERY_MS, () => this.look(), { warn });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.ending.abort();
    await this.looking?.stop();
  }

  private async look(): Promise<void> {
    const now = performance.now();
    const next = new Map<string, number>();
    // On behind those that were looked at: one whose driver is gone is in nobody's way.
    for (let fence = 0; !this.ending.signal.aborted;) {
      const where = { inDoubt: true, fence: MoreThan(fence) };
      const rows = await this.rows.find({ where, order: { fence: 'ASC' }, take: AT_ONCE });
      const due = rows.filter(({ id }) => (this.next.get(id) ?? now) <= now);
      await Promise.all(due.map(({ id }) => this.lookFor(id).catch((error: unknown) => this.warn(error))));
      for (const { id } of rows) next.set(id, this.next.get(id) ?? now);
      const last = rows.at(-1);
      if (!last || rows.length < AT_ONCE) break;
      fence = last.fence;
    }
    this.next = next;
  }

  private async lookFor(leaseId: string): Promise<void> {
    const lease = await this.effects.lease(leaseId);
    const { doubt, terms } = lease;
    if (doubt === null) return;
    const driver = this.drivers.named(terms.driver, terms.provider);
    // Before anything is asked: what was made until then is what the answer shows.
    const now = this.clock.now();
    const settling = driver.acquiring === 'queued' ? driver.settling : undefined;
    this.next.set(leaseId, performance.now() + Math.max(EVERY_MS, (settling?.ms ?? 0) / LOOKS));
    const destroyed =
      driver.acquiring === 'queued' && settling
        ? await withinBudget(this.config.budgets.readinessMs, this.ending.signal, (signal) =>
            this.destroyLeftovers(lease, doubt, driver, settling, signal),
          )
        : [];
    await this.effects.record(lease, doubt, (state) => lookedForLeftovers(state, destroyed, now));
  }

  /** @returns what the provider calls them */
  private async destroyLeftovers(
    lease: Lease,
    { effectId }: Doubt,
    driver: QueuedDriver,
    settling: NonNullable<QueuedDriver['settling']>,
    signal: AbortSignal,
  ): Promise<string[]> {
    const { id: leaseId, companyId, fence, grant, terms, environmentVersion } = lease;
    const { config } = await this.environments.environmentAtVersion(terms.environmentId, environmentVersion);
    const found = await settling.findAll(effectRequest(lease, effectId, config, this.clock.now(), signal));
    const destroyed: string[] = [];
    for (const { providerLeaseId, teardown } of found) {
      if (providerLeaseId === null || providerLeaseId === grant?.providerLeaseId) continue;
      await driver.release({ companyId, leaseId, fence, providerLeaseId, teardown, signal });
      destroyed.push(providerLeaseId);
    }
    return destroyed;
  }

  private warn(error: unknown): void {
    if (!this.ending.signal.aborted) this.logger.warn(`The search for leftovers failed: ${failureText(error)}`);
  }
}
