import { createServer, connect, type Server, type Socket } from 'node:net';
import pg from 'pg';
import { Column, DataSource, Entity, Index, PrimaryColumn, type MigrationInterface } from 'typeorm';
import { uuidv7 } from 'uuidv7';
import { EVENT_LOG_MIGRATIONS, SUBSCRIPTION_MIGRATIONS } from '../../migrations/index.js';
import {
  createLogPool,
  EventCatalogue,
  EventLog,
  type Append,
  type RecordedEvent,
} from '../../src/event-sourcing/event-log/index.js';
import {
  isoTime,
  Projections,
  safeInteger,
  type Projection,
  type ProjectionsOptions,
} from '../../src/event-sourcing/projections/index.js';
import { SubscriptionRunner, type SubscriptionRunnerOptions } from '../../src/event-sourcing/subscriptions/index.js';
import { type Connection, createEmptyDatabase, type TestDatabase } from './database.js';
import { allAfter } from './event-log.js';

export const COMPANY = '0190a000-0000-7000-8000-000000000001';
export const COUNTED = 'Counted';
export const REMOVED = 'Removed';
const CATALOGUE = new EventCatalogue(
  [COUNTED, REMOVED].map((type) => ({ type, schemaVersion: 1, schema: {}, upcasters: {} })),
);

/** A fresh database with the tables of the log, of the subscriptions and of the projections. */
export async function createProjectionDatabase(): Promise<TestDatabase> {
  const database = await createEmptyDatabase();
  const source = dataSource(database.connection, [...EVENT_LOG_MIGRATIONS, ...SUBSCRIPTION_MIGRATIONS], []);
  await source.initialize();
  try {
    await source.runMigrations();
  } finally {
    await source.destroy();
  }
  return database;
}

function dataSource(
  { user: username, ...where }: Connection,
  migrations: (new () => MigrationInterface)[],
  entities: (new () => object)[],
): DataSource {
  return new DataSource({ type: 'postgres', ...where, username, migrations, entities, poolSize: 4 });
}

@Entity('tallies')
@Index('tallies_total', ['total'])
export class TallyRow {
  @PrimaryColumn('text', { collation: 'C' }) stream!: string;
  @Column('uuid', { name: 'company_id' }) companyId!: string;
  @Column('integer') total!: number;
  @Column('text', { array: true }) labels!: string[];
  @Column('jsonb', { nullable: true }) detail!: unknown;
  @Column('bigint', { transformer: safeInteger }) position!: number;
  @Column('timestamptz', { name: 'updated_at', transformer: isoTime }) updatedAt!: string;
}

export interface CountedData {
  readonly by: number;
  readonly label?: string;
  readonly detail?: unknown;
}

export const TALLIES: Projection<TallyRow> = {
  name: 'tallies',
  version: 1,
  entity: TallyRow,
  types: [COUNTED, REMOVED],
  keyOf: (event) => event.stream,
  fold(row, event) {
    if (event.type === REMOVED) return null;
    const { by, label, detail } = event.data as CountedData;
    return {
      stream: event.stream,
      companyId: event.companyId,
      total: (row?.total ?? 0) + by,
      labels: label === undefined ? (row?.labels ?? []) : [...(row?.labels ?? []), label],
      detail: detail ?? row?.detail ?? null,
      position: event.position,
      updatedAt: event.recordedAt,
    };
  },
};

/** The parts that a process has, on connections of its own. */
export interface Process {
  readonly pool: pg.Pool;
  readonly log: EventLog;
  readonly runner: SubscriptionRunner;
  /** What the runner logged. */
  readonly said: string[];
  readonly source: DataSource;
  /** Of this process, not started; stopped with it. */
  projections(definition?: Projection<object>, choices?: Partial<ProjectionsOptions>): Projections;
  close(): Promise<void>;
}

export interface ProcessOptions {
  readonly runner?: Partial<SubscriptionRunnerOptions>;
  /** False for a process that hears nothing of other processes, nor of itself. */
  readonly signal?: boolean;
  readonly batchSize?: number;
  /** Of another release. */
  readonly entity?: new () => object;
}

export async function openProcess(connection: Connection, options: ProcessOptions = {}): Promise<Process> {
  const pool = createLogPool({ ...connection, max: 8 });
  const log = new EventLog(pool, connection, CATALOGUE);
  if (options.signal === false) log.signal.subscribe = () => () => undefined;
  else await log.signal.listen();
  const said: string[] = [];
  const runner = new SubscriptionRunner(log, {
    log: (_level, message) => void said.push(message),
    stopTimeoutMs: 300,
    ...options.runner,
  });
  const source = await dataSource(connection, [], [options.entity ?? TallyRow]).initialize();
  const projections: Projections[] = [];
  return {
    pool,
    log,
    runner,
    said,
    source,
    projections(definition = TALLIES, choices = {}) {
      const { batchSize = 500 } = options;
      const made = new Projections(log, runner, source, [definition], {
        batchSize,
        ...choices,
        log: (_level, message) => void said.push(message),
      });
      projections.push(made);
      return made;
    },
    async close() {
      for (const each of projections) await each.stop();
      await runner.stop();
      await log.close();
      await source.destroy().catch(() => undefined);
      await pool.end();
    },
  };
}

const versions = new WeakMap<EventLog, Map<string, number>>();

/** Appends to a stream that only this process writes to. @returns the position of the last event */
export async function count(log: EventLog, stream: string, ...data: (CountedData | 'removed')[]): Promise<number> {
  const verdict = await log.append(counting(log, stream, ...data));
  if (verdict.kind !== 'ok') throw new Error(`the append of ${stream} ended as ${verdict.kind}`);
  return verdict.position;
}

/** The append that `count` makes. */
export function counting(log: EventLog, stream: string, ...data: (CountedData | 'removed')[]): Append {
  const known = versions.get(log) ?? new Map<string, number>();
  versions.set(log, known);
  const expectedVersion = known.get(stream) ?? 0;
  known.set(stream, expectedVersion + data.length);
  const events = data.map((each) =>
    each === 'removed'
      ? { id: uuidv7(), type: REMOVED, schemaVersion: 1, data: {} }
      : { id: uuidv7(), type: COUNTED, schemaVersion: 1, data: each },
  );
  const write = { stream, expectedVersion, events, category: 'tally', correlationKey: null, parent: null, open: true };
  return {
    companyId: COMPANY,
    actor: 'system:test',
    correlationId: null,
    causationId: null,
    writes: [write],
    guards: [],
    idempotency: null,
  };
}

export async function allEvents(log: EventLog): Promise<RecordedEvent[]> {
  return allAfter(log, 0);
}

/** Holds up this process, as a fold that takes its time does, at no cost to the machine. */
export function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

export async function until(what: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await what())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * The way of one process to the database. Cut, it is as if the process had been killed: the database ends its sessions.
 * Frozen, it is as if the process had been stopped: its sessions stay, and nothing moves.
 */
export class Wire {
  private readonly sockets = new Set<Socket>();
  private frozen = false;

  private constructor(
    private readonly server: Server,
    readonly connection: Connection,
  ) {}

  static async lay(to: Connection): Promise<Wire> {
    const far = to.host.startsWith('/') ? { path: `${to.host}/.s.PGSQL.${to.port}` } : { host: to.host, port: to.port };
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the wire has no port');
    const wire = new Wire(server, { ...to, host: '127.0.0.1', port: address.port });
    server.on('connection', (near) => wire.join(near, connect(far)));
    return wire;
  }

  freeze(): void {
    this.frozen = true;
    for (const socket of this.sockets) socket.pause();
  }

  thaw(): void {
    this.frozen = false;
    for (const socket of this.sockets) socket.resume();
  }

  cut(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private join(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(from);
      from.on('data', (chunk) => to.write(chunk));
      from.on('error', () => undefined);
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
      if (this.frozen) from.pause();
    }
  }
}
