import type { DataSource, EntityMetadata } from 'typeorm';
import { LeaseholdError } from '../../errors/catalogue.js';
import type { EventLog } from '../event-log/index.js';
import type { OwnerTurn, Subscription, SubscriptionLog, SubscriptionRunner } from '../subscriptions/index.js';
import { abandonBuild, addGeneration, bringUpToDate, dropOldTables } from './generation-changes.js';
import { inTransaction, readGenerations, type Generation } from './generations.js';
import { fill } from './fill.js';
import type { Projection } from './projection.js';
import { Projector } from './projector.js';
import { ReadModelTable } from './read-model-table.js';
import { readProjectionStatus, type ProjectionStatus } from './status.js';
import { switchOver } from './switch-over.js';
import { verifyGeneration, type Verification } from './verification.js';

export interface ProjectionsOptions {
  readonly log: SubscriptionLog;
  /** False for a process that only queries: it neither makes nor fills tables. */
  readonly project: boolean;
  /** Events in one transaction at most. */
  readonly batchSize: number;
  /** How often the process looks whether another one has rebuilt or switched a read model. */
  readonly refreshEveryMs: number;
}

const DEFAULTS: ProjectionsOptions = {
  log: () => undefined,
  project: true,
  batchSize: 2_000,
  refreshEveryMs: 1_000,
};

/** A switch that cannot be made yet is not tried more often: trying holds the live generation up for a moment. */
const SWITCH_EVERY_MS = 500;

/** Somebody who waits longer than this for a checkpoint may be waiting for a generation that is not live any more. */
const RECHECK_MS = 100;

/**
 * The read models. A generation is one table of a read model, filled by one version of its fold. This keeps generations filled,
 * builds new ones beside them, and switches. Queries read the view of the entity's name; `caughtUp` waits for what that view
 * shows.
 *
 * A process feeds only generations of its own version. During an upgrade the old release keeps feeding the live table; once it
 * has stopped, that table stands still until the new one takes over. A release older than the live generation feeds nothing,
 * and rebuilds only when it is told to. A newer one does not read the live generation: columns may be missing.
 */
export class Projections {
  private readonly definitions: ReadonlyMap<string, Projection<object>>;
  private readonly options: ProjectionsOptions;
  /** What this process feeds, by subscription. */
  private readonly fed = new Set<string>();
  /** Each projection's live generation, as last seen. */
  private live = new Map<string, Pick<Generation, 'subscription' | 'version'>>();
  private refreshing: Promise<void> | null = null;
  /** Subscriptions of generations that could not be switched, and when that is tried again. */
  private readonly blocked = new Map<string, number>();
  /** What this process fills at once, by subscription, and how much of it is done: no checkpoint says so meanwhile. */
  private readonly filling = new Map<string, number>();
  private timer: NodeJS.Timeout | null = null;
  private readonly verifying = new Map<string, Promise<Verification>>();

  constructor(
    private readonly log: EventLog,
    private readonly runner: SubscriptionRunner,
    private readonly source: DataSource,
    definitions: readonly Projection<object>[],
    options: Partial<ProjectionsOptions> = {},
  ) {
    this.definitions = new Map(definitions.map((definition) => [definition.name, definition]));
    this.options = { ...DEFAULTS, ...options };
  }

  /** Makes what is missing, begins to rebuild what this code has a newer version of, and adds the subscriptions. */
  async start(): Promise<void> {
    for (const definition of this.definitions.values()) {
      const metadata = this.metadata(definition);
      if (this.options.project) await bringUpToDate(this.log.pool, this.source, metadata, definition, this.options.log);
    }
    await this.refresh();
    this.timer = setInterval(() => void this.refresh().catch(() => undefined), this.options.refreshEveryMs);
  }

  /** The runner ends the subscriptions. */
  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    await this.refreshing?.catch(() => undefined);
  }

  /**
   * Resolves true once a query of the projection sees all events up to the position, in a generation that this code can
   * read; false after the time.
   * @throws LeaseholdError `projection_not_found`
   */
  async caughtUp(name: string, position: number, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const live = this.isReadable(name) ? this.live.get(name) : undefined;
      const left = Math.min(deadline - performance.now(), RECHECK_MS);
      // Also true of a generation that has been replaced since: it stood still before its successor reached it.
      if (live !== undefined && (await this.runner.caughtUp(live.subscription, position, left))) return true;
      if (performance.now() >= deadline || this.timer === null) return false;
      const readable = await this.refresh().then(
        () => this.isReadable(name),
        () => false,
      );
      if (!readable) await new Promise((resolve) => setTimeout(resolve, RECHECK_MS));
    }
  }

  /**
   * Whether the live generation, as last seen, is not older than this code.
   * @throws LeaseholdError `projection_not_found`
   */
  isReadable(name: string): boolean {
    const { version } = this.definition(name);
    const live = this.live.get(name);
    return live !== undefined && live.version >= version;
  }

  /**
   * Begins to fill a new generation beside the live one. It switches by itself once it has caught up, also if this
   * process ends.
   * @returns its number
   * @throws LeaseholdError `projection_not_found`, `projection_rebuilding`
   */
  async rebuild(name: string): Promise<number> {
    const definition = this.definition(name);
    const generation = await addGeneration(this.log.pool, this.source, this.metadata(definition), definition);
    if (generation === null) {
      throw new LeaseholdError('projection_rebuilding', `A generation of ${name} is being built already.`);
    }
    this.options.log('info', 'a read model is rebuilt', { projection: name, generation });
    await this.refresh();
    return generation;
  }

  /** Gives up the generation that is being built, if there is one; says whether there was. */
  async cancelRebuild(name: string): Promise<boolean> {
    const { name: projection } = this.definition(name);
    const abandoned = await abandonBuild(this.log.pool, projection);
    await this.refresh();
    return abandoned;
  }

  /** Drops the tables of generations that are neither live nor being built. @returns their numbers */
  async dropOld(name: string): Promise<number[]> {
    const { name: projection } = this.definition(name);
    return dropOldTables(this.log.pool, projection);
  }

  /**
   * Compares what queries see with the log, without holding anything up. Who asks while it is under way gets its result,
   * so that no number of callers takes more than one connection.
   * @throws LeaseholdError `projection_not_found`; `read_model_behind` when the live generation has another version
   */
  verify(name: string): Promise<Verification> {
    const definition = this.definition(name);
    const underWay = this.verifying.get(name);
    if (underWay) return underWay;
    const begun = this.verifyLive(definition).finally(() => this.verifying.delete(name));
    this.verifying.set(name, begun);
    return begun;
  }

  status(): Promise<ProjectionStatus[]> {
    const versions = new Map([...this.definitions.values()].map(({ name, version }) => [name, version]));
    return readProjectionStatus(this.log.pool, versions, this.filling);
  }

  private verifyLive(definition: Projection<object>): Promise<Verification> {
    const { name, version } = definition;
    return inTransaction(
      this.log.pool,
      async (client) => {
        const generations = await readGenerations(client, [name]);
        const live = generations.find((known) => known.state === 'live' && known.version === version);
        if (!live) {
          throw new LeaseholdError(
            'read_model_behind',
            `The live generation of ${name} does not have version ${version}.`,
          );
        }
        const table = new ReadModelTable(this.source, this.metadata(definition), live.table);
        return verifyGeneration(client, this.log, definition, table, live);
      },
      'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
    );
  }

  private definition(name: string): Projection<object> {
    const definition = this.definitions.get(name);
    if (!definition) throw new LeaseholdError('projection_not_found', `There is no projection ${name}.`);
    return definition;
  }

  private metadata(definition: Projection<object>): EntityMetadata {
    const metadata = this.source.getMetadata(definition.entity);
    if (metadata.tableName !== definition.name) {
      throw new Error(`The entity of the projection ${definition.name} has the table ${metadata.tableName}.`);
    }
    return metadata;
  }

  /** Looks which generations there are, and feeds those that this process can feed. */
  private refresh(): Promise<void> {
    this.refreshing ??= this.readAndFeed().finally(() => {
      this.refreshing = null;
    });
    return this.refreshing;
  }

  private async readAndFeed(): Promise<void> {
    const generations = await readGenerations(this.log.pool, [...this.definitions.keys()]);
    this.live = new Map(generations.filter(({ state }) => state === 'live').map((live) => [live.name, live]));
    if (!this.options.project) return;
    const toFeed = generations.filter(
      ({ name, state, version }) =>
        (state === 'live' || state === 'building') && version === this.definitions.get(name)?.version,
    );
    for (const generation of toFeed) {
      if (this.fed.has(generation.subscription)) continue;
      this.fed.add(generation.subscription);
      this.runner.add(this.subscription(generation));
    }
    const names = new Set(toFeed.map(({ subscription }) => subscription));
    for (const name of this.fed) {
      if (names.has(name)) continue;
      this.fed.delete(name);
      void this.runner.remove(name);
    }
  }

  private subscription(generation: Generation): Subscription {
    const definition = this.definition(generation.name);
    const table = new ReadModelTable(this.source, this.metadata(definition), generation.table);
    const projector = new Projector(definition, table);
    const handle: Subscription['handle'] = (events, transaction) => projector.handle(events, transaction);
    const subscription: Subscription = {
      name: generation.subscription,
      types: definition.types,
      batchSize: this.options.batchSize,
      hasRow: true,
      handle,
      anotherHistory: async ({ client }) => {
        await client.query(`TRUNCATE ${client.escapeIdentifier(table.name)}`);
        return 0;
      },
    };
    if (generation.state !== 'building') return subscription;
    const successor = { generation, types: definition.types, handle };
    const progress = (part: number) => void this.filling.set(subscription.name, part);
    return {
      ...subscription,
      beginning: (turn, head) =>
        fill(this.log, turn, head, { projection: definition, table, progress }).finally(() =>
          this.filling.delete(subscription.name),
        ),
      reachedHead: (turn) => this.trySwitch(turn, successor),
    };
  }

  private async trySwitch(turn: OwnerTurn, successor: Parameters<typeof switchOver>[2]): Promise<void> {
    const { name, generation, subscription } = successor.generation;
    const isBlocked = performance.now() < (this.blocked.get(subscription) ?? 0);
    if (isBlocked || this.live.get(name)?.subscription === subscription) return;
    const result = await switchOver(this.log, turn, successor);
    if (result.kind === 'switched') {
      this.live.set(name, successor.generation);
      this.options.log('info', 'a read model was switched', { projection: name, generation, from: result.from });
    } else if (result.kind === 'blocked') {
      const isNew = !this.blocked.has(subscription);
      this.blocked.set(subscription, performance.now() + SWITCH_EVERY_MS);
      const fields = { subscription, streams: result.streams };
      if (isNew) this.options.log('warn', 'a read model cannot be switched: streams are parked', fields);
    } else if (result.kind === 'over') {
      await this.refresh();
    }
  }
}
