import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import type { SshAddresses } from './ssh-addresses.js';
import {
  identityOf,
  SessionAbandonedError,
  SessionRefusedError,
  SshConnection,
  type SshEndpoint,
} from './ssh-connection.js';

/** sshd's own limit, MaxSessions, is 10 unless it is set; two are left for what ends there later than here. */
const SESSIONS_A_CONNECTION = 8;
const CLOSED_AFTER_IDLE_MS = 60_000;

interface Pooled {
  readonly connecting: Promise<SshConnection>;
  /** Places in use. */
  used: number;
  idle: NodeJS.Timeout | null;
  /** It is not handed out any more, and is closed when its users are done. */
  retired: boolean;
}

interface Host {
  readonly connections: Pooled[];
  /** Sessions that a connection can have, as far as the host has shown. */
  places: number;
}

/** Connections that are kept open between commands: a new one costs as much as fifty commands. */
export class SshPool {
  private readonly byIdentity = new Map<string, Host>();
  private closed = false;

  /** @param budgetMs for connecting */
  constructor(
    private readonly budgetMs: number,
    private readonly addresses: SshAddresses,
  ) {}

  /**
   * Lends a session's place on a connection for as long as the work takes. Where the host opens no session on it, the work is
   * begun again on another one: it must open its session before it does anything else.
   * @throws DriverError; SessionAbandonedError when the signal is aborted before there is a connection
   */
  async use<T>(
    endpoint: SshEndpoint,
    work: (connection: SshConnection) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const identity = identityOf(endpoint);
    for (;;) {
      if (this.closed) throw new DriverError('transient', 'connection_lost', 'The service is stopping.', false);
      const host = this.hostOf(identity);
      const pooled = this.placeOn(identity, host, endpoint);
      try {
        const connection = await unlessAborted(pooled.connecting, signal);
        try {
          return await work(connection);
        } catch (error) {
          if (!(error instanceof SessionRefusedError) || !learnsFrom(host, pooled, connection)) throw error;
        } finally {
          pooled.retired ||= connection.doubtful;
        }
      } finally {
        this.giveBack(identity, pooled);
      }
    }
  }

  /** Connections that are open or about to be. */
  get size(): number {
    return [...this.byIdentity.values()].reduce((sum, { connections }) => sum + connections.length, 0);
  }

  async close(): Promise<void> {
    this.closed = true;
    const all = [...this.byIdentity.values()].flatMap(({ connections }) => connections);
    this.byIdentity.clear();
    await Promise.all(
      all.map(async ({ connecting, idle }) => {
        if (idle) clearTimeout(idle);
        (await connecting.catch(() => null))?.destroy();
      }),
    );
  }

  private hostOf(identity: string): Host {
    const host = this.byIdentity.get(identity) ?? { connections: [], places: SESSIONS_A_CONNECTION };
    this.byIdentity.set(identity, host);
    return host;
  }

  private placeOn(identity: string, { connections, places }: Host, endpoint: SshEndpoint): Pooled {
    let pooled = connections.find(({ used, retired }) => used < places && !retired);
    if (!pooled) {
      pooled = {
        connecting: SshConnection.open(endpoint, this.budgetMs, this.addresses),
        used: 0,
        idle: null,
        retired: false,
      };
      connections.push(pooled);
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
    const { connections } = this.hostOf(identity);
    const at = connections.indexOf(pooled);
    if (at !== -1) connections.splice(at, 1);
    if (connections.length === 0) this.byIdentity.delete(identity);
    if (pooled.idle) clearTimeout(pooled.idle);
  }
}

/**
 * Takes note of a refused session. @returns whether another connection may have one: not where this one was new and had nobody
 * else on it
 */
function learnsFrom(host: Host, pooled: Pooled, connection: SshConnection): boolean {
  if (connection.sessions > 0) host.places = Math.min(host.places, connection.sessions);
  // Those that have ended here have not ended there yet.
  else if (connection.hadSession) pooled.retired = true;
  else return false;
  return true;
}

/** @throws SessionAbandonedError when the signal is aborted first */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(new SessionAbandonedError(signal, false));
  });
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([aborted, work]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
