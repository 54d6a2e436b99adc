import { randomInt } from 'node:crypto';
import type pg from 'pg';
import { PostgresClient, type PostgresConfig } from '../../../event-sourcing/postgres/index.js';
import { OUTBOX_CHANNEL } from '../outbox/filling.js';
import { WORKER_LOCKS } from './claims.js';

const RECONNECT_AFTER_MS = 500;
const MAX_WORKER = 2 ** 31;

interface Listeners {
  /** Something may be due. */
  hinted(): void;
  /** Others may take over what was claimed under the number. */
  lost(): void;
  /** The session could not be opened; it is tried again. */
  failed(error: unknown): void;
}

/**
 * The database session that stands for this process among workers: it holds a lock under the worker's number, which
 * Postgres gives up when the process dies, and hears when something is put in the outbox.
 */
export class WorkerSession {
  private client: pg.Client | null = null;
  private timer: NodeJS.Timeout | null = null;
  private open = false;
  /** The number that claims are made under; null while there is no session. Every session has another one. */
  worker: number | null = null;

  constructor(
    private readonly connection: PostgresConfig,
    private readonly listeners: Listeners,
  ) {}

  /** Goes on trying until it is closed. */
  async start(): Promise<void> {
    this.open = true;
    await this.connect();
  }

  async close(): Promise<void> {
    this.open = false;
    this.worker = null;
    if (this.timer) clearTimeout(this.timer);
    await this.client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    const client = new PostgresClient({ ...this.connection, keepAlive: true, application_name: 'leasehold webhooks' });
    this.client = client;
    client.on('error', () => this.lost(client)).on('end', () => this.lost(client));
    client.on('notification', () => this.listeners.hinted());
    try {
      const worker = randomInt(1, MAX_WORKER);
      await client.connect();
      await client.query('SELECT pg_advisory_lock($1::int, $2::int)', [WORKER_LOCKS, worker]);
      await client.query(`LISTEN ${OUTBOX_CHANNEL}`);
      if (!this.open || this.client !== client) return;
      this.worker = worker;
      this.listeners.hinted();
    } catch (error) {
      this.listeners.failed(error);
      void client.end().catch(() => undefined);
      this.lost(client);
    }
  }

  private lost(client: pg.Client): void {
    if (this.client !== client || !this.open) return;
    this.client = null;
    this.worker = null;
    this.listeners.lost();
    this.timer = setTimeout(() => void this.connect(), RECONNECT_AFTER_MS).unref();
  }
}
