import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { Client, type ClientChannel, type KexAlgorithm } from 'ssh2';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import { failureText } from '../../../domain/driver-contract/failure-text.js';
import { connected, forwarded } from './connecting.js';
import { hostKeyAlgorithms, hostKeyRefusal } from './host-key.js';
import { readablePrivateKey } from './private-key.js';
import { requireAllowedBehindJumpHost, type SshAddresses } from './ssh-addresses.js';
import { broken, failureToConnect, isRefusal, notAnswering } from './ssh-failures.js';
import { guardWindow } from './window-guard.js';

/** Where to connect to, and as whom. */
export interface SshEndpoint {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly privateKey: string;
  readonly passphrase?: string | null;
  readonly knownHosts: string | null;
  readonly strictHostKeyChecking: boolean;
  /** The host that connects on to this one; null: none. */
  readonly jumpHost?: SshEndpoint | null;
}

/** The same for connections that may stand in for each other: a hash, since the key is in it. */
export function identityOf(endpoint: SshEndpoint): string {
  return createHash('sha256').update(JSON.stringify(endpoint)).digest('base64');
}

/** Told of the steps of connecting, for a probe. */
export type OnStep = (step: 'jump_host' | 'connect' | 'host_key' | 'authenticate') => void;

/**
 * Without `diffie-hellman-group-exchange-*`, whose prime the host chooses: OpenSSL tests it in the event loop, for seconds
 * to a minute. Hosts that have nothing else are older than OpenSSH 5.7 (2011), or set up so.
 */
const KEY_EXCHANGES: KexAlgorithm[] = [
  ...(['curve25519-sha256', 'curve25519-sha256@libssh.org'] as const),
  ...(['ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'ecdh-sha2-nistp521'] as const),
  ...(['diffie-hellman-group14-sha256', 'diffie-hellman-group15-sha512', 'diffie-hellman-group16-sha512'] as const),
  ...(['diffie-hellman-group17-sha512', 'diffie-hellman-group18-sha512'] as const),
];
const KEEPALIVE_MS = 10_000;
const KEEPALIVES_MISSED = 3;

const CLOSED_EARLY = 'it closed the connection before the login was complete';

/** The host opens no (further) session on a connection that is otherwise well: nothing was begun. */
export class SessionRefusedError extends DriverError {}

/** The wait for a session ended before it was open: no command has started. */
export class SessionAbandonedError extends DriverError {
  constructor({ reason }: AbortSignal, inDoubt: boolean) {
    super('transient', 'host_not_answering', failureText(reason), inDoubt);
  }
}

/** One connection to a host, which carries several commands. */
export class SshConnection {
  /** Whether something on it went unanswered. */
  doubtful = false;
  /** Sessions that are open or about to be. */
  sessions = 0;
  /** Whether the host has ever opened one. */
  hadSession = false;
  #lost: DriverError | null = null;

  private constructor(
    private readonly client: Client,
    private readonly name: string,
    /** Carries this connection alone. */
    private readonly jump: SshConnection | null,
  ) {}

  get lost(): DriverError | null {
    return this.#lost;
  }

  /**
   * Connects, through its jump hosts first where it has any.
   * @param budgetMs for all of it
   * @throws DriverError; nothing has been made by then.
   */
  static async open(
    endpoint: SshEndpoint,
    budgetMs: number,
    addresses: SshAddresses,
    onStep: OnStep = () => undefined,
  ): Promise<SshConnection> {
    const { host, port, username, strictHostKeyChecking, jumpHost = null } = endpoint;
    const name = `${host}:${port}`;
    const until = performance.now() + budgetMs;
    const leftMs = (): number => Math.max(1, Math.round(until - performance.now()));
    const client = new Client();
    let jump: SshConnection | null = null;
    let stream: Duplex | undefined;
    const verdict: { refused: DriverError | null } = { refused: null };
    const wanted: { methods: readonly string[]; isSecondFactor: boolean } = { methods: [], isSecondFactor: false };
    const timedOut = notAnswering(name, budgetMs);
    let timer: NodeJS.Timeout | undefined;
    try {
      const rule = await addresses.rule();
      if (jumpHost === null) {
        stream = await connected(host, port, leftMs(), rule);
      } else {
        requireAllowedBehindJumpHost(host, rule);
        jump = await SshConnection.open(jumpHost, leftMs(), addresses);
        onStep('jump_host');
        stream = await jump.forwardTo(host, port, leftMs());
      }
      onStep('connect');
      const privateKey = await readablePrivateKey(endpoint.privateKey, endpoint.passphrase ?? null, leftMs());
      if (stream.destroyed) throw broken(name, CLOSED_EARLY, false);
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => reject(timedOut), leftMs());
        client.once('ready', resolve);
        client.on('error', reject);
        client.once('close', () => reject(broken(name, CLOSED_EARLY, false)));
        client.connect({
          sock: stream as Duplex,
          username,
          privateKey,
          // The key, once; what the host would have instead, or besides, is for the reason.
          authHandler: (methods: readonly string[] | null, isSecondFactor: boolean) => {
            if (methods === null) return 'publickey';
            Object.assign(wanted, { methods, isSecondFactor });
            return false;
          },
          readyTimeout: 0,
          keepaliveInterval: KEEPALIVE_MS,
          keepaliveCountMax: KEEPALIVES_MISSED,
          algorithms: { serverHostKey: hostKeyAlgorithms(endpoint), kex: KEY_EXCHANGES },
          hostVerifier: (key: Buffer) => {
            verdict.refused = strictHostKeyChecking ? hostKeyRefusal(endpoint, key) : null;
            if (verdict.refused === null) onStep('host_key');
            return verdict.refused === null;
          },
        });
      });
      onStep('authenticate');
    } catch (error) {
      client.on('error', () => undefined);
      client.destroy();
      stream?.destroy();
      jump?.destroy();
      throw verdict.refused ?? failureToConnect(error, name, username, wanted);
    } finally {
      clearTimeout(timer);
    }
    client.removeAllListeners();
    const connection = new SshConnection(client, name, jump);
    const gone = (): void => {
      connection.#lost ??= broken(name, 'the connection was lost');
      jump?.close();
    };
    client.on('error', gone).on('close', gone).on('end', gone);
    return connection;
  }

  /**
   * Opens a session that runs a command.
   * @param listen called as soon as the session is open: a command that is quick has ended in the same turn
   * @throws SessionRefusedError; SessionAbandonedError when the signal is aborted first; DriverError connection_lost
   */
  exec<Opened>(command: string, signal: AbortSignal, listen: (channel: ClientChannel) => Opened): Promise<Opened> {
    if (this.#lost) return Promise.reject(this.#lost);
    if (signal.aborted) return Promise.reject(new SessionAbandonedError(signal, false));
    return new Promise((resolve, reject) => {
      const onClose = (): void => reject(broken(this.name, 'the connection was lost'));
      const onAbort = (): void => {
        this.doubtful = true;
        reject(new SessionAbandonedError(signal, true));
      };
      this.client.once('close', onClose);
      signal.addEventListener('abort', onAbort, { once: true });
      this.sessions += 1;
      this.client.exec(command, (error, channel) => {
        this.client.off('close', onClose);
        signal.removeEventListener('abort', onAbort);
        if (error) {
          this.sessions -= 1;
          reject(isRefusal(error) ? refused(this.name, error.message) : broken(this.name, error.message));
          return;
        }
        this.hadSession = true;
        channel.once('close', () => (this.sessions -= 1));
        guardWindow(channel, () => this.destroy());
        if (signal.aborted) channel.destroy();
        else resolve(listen(channel));
      });
    });
  }

  /** Calls back when the connection is gone. */
  onLost(listener: () => void): () => void {
    this.client.once('close', listener);
    return () => void this.client.off('close', listener);
  }

  close(): void {
    this.client.end();
    this.jump?.close();
  }

  /** What runs over a jump host that does not answer is gone only with the connection to that. */
  destroy(): void {
    this.client.destroy();
    this.jump?.destroy();
  }

  private forwardTo(host: string, port: number, budgetMs: number): Promise<Duplex> {
    return forwarded(this.client, this.name, { host, port }, budgetMs);
  }
}

function refused(name: string, why: string): SessionRefusedError {
  const message = `${name} opens no session for a command (MaxSessions of its sshd, or the account): ${why}`;
  return new SessionRefusedError('transient', 'session_refused', message, false);
}
