import { DriverError } from '../driver-error.js';
import { identityOf, SshConnection, type SshEndpoint } from './ssh-connection.js';

/** sshd's own limit, MaxSessions, is 10; two are left for others who use the account. */
const CHANNELS_A_CONNECTION = 8;
const CLOSED_AFTER_IDLE_MS = 60_000;

interface Pooled {
  readonly connecting: Promise<SshConnection>;
  /** Channels that are given to somebody. */
  used: number;
  idle: NodeJS.Timeout | null;
  /** Nobody gets it any more; it is closed when those who have it are done. */
  retired: boolean;
}

/** Connections that are kept open between commands: a new one costs as much as fifty commands. */
export class SshPool {
  private readonly byIdentity = new Map<string, Pooled[]>();
  private closed = false;

  /** @param budgetMs for connecting */
  constructor(private readonly budgetMs: number) {}

  /** Lends a channel's place on a connection for as long as the work takes. @throws DriverError */
  async use<T>(endpoint: SshEndpoint, work: (connection: SshConnection) => Promise<T>): Promise<T> {
    if (this.closed) throw new DriverError('transient', 'connection_lost', 'The service is stopping.', false);
    const identity = identityOf(endpoint);
    const pooled = this.placeOn(identity, endpoint);
    try {
      const connection = await pooled.connecting;
      try {
        return await work(connection);
      } finally {
        pooled.retired ||= connection.doubtful;
      }
    } finally {
      this.giveBack(identity, pooled);
    }
  }

  /** Connections that are open or about to be. */
  get size(): number {
    return [...this.byIdentity.values()].reduce((sum, all) => sum + all.length, 0);
  }

  async close(): Promise<void> {
    this.closed = true;
    const all = [...this.byIdentity.values()].flat();
    this.byIdentity.clear();
    await Promise.all(
      all.map(async ({ connecting, idle }) => {
        if (idle) clearTimeout(idle);
        (await connecting.catch(() => null))?.destroy();
      }),
    );
  }

  private placeOn(identity: string, endpoint: SshEndpoint): Pooled {
    const all = this.byIdentity.get(identity) ?? [];
    this.byIdentity.set(identity, all);
    let pooled = all.find(({ used, retired }) => used < CHANNELS_A_CONNECTION && !retired);
    if (!pooled) {
      pooled = { connecting: SshConnection.open(endpoint, this.budgetMs), used: 0, idle: null, retired: false };
      all.push(pooled);
      this.forgetWhenLost(identity, pooled);
    }
    if (pooled.idle) clearTimeout(pooled.idle);
    pooled.idle = null;
    pooled.used += 1;
    return pooled;
  }

  private giveBack(identity: string, pooled: Pooled): void {
    pooled.used -= 1;
    if (pooled.used > 0) return;
    const end = (): void => {
      this.forget(identity, pooled);
      void pooled.connecting.then((connection) => connection.close()).catch(() => undefined);
    };
    if (pooled.retired) end();
    else pooled.idle = setTimeout(end, CLOSED_AFTER_IDLE_MS).unref();
  }

  private forgetWhenLost(identity: string, pooled: Pooled): void {
    pooled.connecting.then(
      (connection) => connection.onLost(() => this.forget(identity, pooled)),
      () => this.forget(identity, pooled),
    );
  }

  private forget(identity: string, pooled: Pooled): void {
    const all = this.byIdentity.get(identity) ?? [];
    const left = all.filter((one) => one !== pooled);
    if (left.length > 0) this.byIdentity.set(identity, left);
    else this.byIdentity.delete(identity);
    if (pooled.idle) clearTimeout(pooled.idle);
  }
}
