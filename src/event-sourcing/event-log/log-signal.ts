import { EventEmitter } from 'node:events';
import type pg from 'pg';
import { PostgresClient, type PostgresConfig } from '../postgres/index.js';

const CHANNEL = 'leasehold_log';
export const NOTIFY_EVERY_MS = 100;
const RECONNECT_AFTER_MS = 500;
/** A hint is not worth a wait for the disk, which appends would queue behind. */
const NOTIFY = `SELECT set_config('synchronous_commit', 'off', true), pg_notify('${CHANNEL}', '')`;

/**
 * Says that the log may have grown: at once within this process, and between processes by a NOTIFY after the commit,
 * at most one every 100 ms (inside the append it would serialise all commits). It is a hint and may be lost; whoever
 * listens reads the log on a timer too.
 */
export class LogSignal {
  private readonly emitter = new EventEmitter().setMaxListeners(0);
  private listener: pg.Client | null = null;
  private notifyTimer: NodeJS.Timeout | null = null;
  private reconnectTimer: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(
    private readonly pool: pg.Pool,
    private readonly connection: PostgresConfig,
  ) {}

  /** Calls back whenever the log may have grown, and after every (re)connect of the listening connection. */
  subscribe(listener: () => void): () => void {
    this.emitter.on('appended', listener);
    return () => void this.emitter.off('appended', listener);
  }

  /** To be called after a commit that appended. */
  appended(): void {
    this.emitter.emit('appended');
    this.notifyTimer ??= setTimeout(() => {
      this.notifyTimer = null;
      this.pool.query(NOTIFY).catch(() => undefined);
    }, NOTIFY_EVERY_MS).unref();
  }

  /** Starts to listen to other processes; goes on trying until closed. */
  async listen(): Promise<void> {
    if (this.closed) return;
    const client = new PostgresClient(this.connection);
    this.listener = client;
    const lost = (): void => {
      if (this.closed || this.listener !== client) return;
      this.listener = null;
      this.reconnectTimer = setTimeout(() => void this.listen(), RECONNECT_AFTER_MS).unref();
    };
    client.on('error', lost).on('end', lost);
    client.on('notification', () => this.emitter.emit('appended'));
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      this.emitter.emit('appended');
    } catch {
      await client.end().catch(() => undefined);
      lost();
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.notifyTimer) clearTimeout(this.notifyTimer);
    if (this.reconnectTimer) clearTimeout(this.reconnectTimer);
    await this.listener?.end().catch(() => undefined);
  }
}
