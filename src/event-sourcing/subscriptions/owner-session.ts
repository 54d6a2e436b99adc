import type pg from 'pg';
import { PostgresClient, type PostgresConfig } from '../postgres/index.js';
import { HINT_CHANNEL, readHint, type Hint } from './hints.js';
import type { Session } from './ownership.js';

const RECONNECT_AFTER_MS = 250;

interface Listeners {
  /** A new session has begun; whatever was owned under an earlier one has to be renewed. */
  connected(): void;
  hinted(hint: Hint): void;
  /** The session could not be opened; told once, until it could. */
  failed(error: unknown): void;
}

/**
 * The one database session that stands for this process among owners: when the process dies, Postgres ends the session,
 * and others see at once that its owner is gone. It is a connection of its own, so that a busy pool never keeps an owner
 * from renewing. It connects again for as long as it is open.
 */
export class OwnerSession implements Session {
  private client: pg.Client | null = null;
  private timer: NodeJS.Timeout | null = null;
  private open = false;
  private failing = false;

  constructor(
    private readonly config: PostgresConfig,
    private readonly listeners: Listeners,
  ) {}

  /** Resolves after the first attempt, whether it came about or not. */
  async start(): Promise<void> {
    this.open = true;
    await this.connect();
  }

  get isConnected(): boolean {
    return this.client !== null;
  }

  /** Not to be called while another query is under way. A failure ends the session. */
  async query<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<pg.QueryResult<Row>> {
    const client = this.client;
    if (client === null) throw new Error('connection terminated: the owner session is away');
    try {
      return await client.query<Row>(text, values);
    } catch (error) {
      this.lost(client);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.open = false;
    if (this.timer) clearTimeout(this.timer);
    const client = this.client;
    this.client = null;
    await client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    const client = new PostgresClient({ ...this.config, keepAlive: true, application_name: 'leasehold subscriptions' });
    client.on('error', () => this.lost(client));
    client.on('end', () => this.lost(client));
    client.on('notification', ({ payload }) => {
      const hint = readHint(payload ?? '');
      if (hint) this.listeners.hinted(hint);
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${HINT_CHANNEL}`);
    } catch (error) {
      void client.end().catch(() => undefined);
      if (!this.failing) this.listeners.failed(error);
      this.failing = true;
      this.reconnect();
      return;
    }
    if (!this.open) {
      await client.end().catch(() => undefined);
      return;
    }
    this.client = client;
    this.failing = false;
    this.listeners.connected();
  }

  private lost(client: pg.Client): void {
    if (this.client !== client) return;
    this.client = null;
    void client.end().catch(() => undefined);
    this.reconnect();
  }

  private reconnect(): void {
    if (!this.open) return;
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.connect(), RECONNECT_AFTER_MS);
  }
}
