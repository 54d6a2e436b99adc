import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { Client, type ClientChannel, type ServerHostKeyAlgorithm } from 'ssh2';
import { AddressRefusedError, checkedLookup } from '../../addresses/checked-lookup.js';
import { DriverError } from '../driver-error.js';
import { failureText } from '../failure-text.js';
import { fingerprint, knownKeyTypes, verifyHostKey } from './known-hosts.js';
import { readablePrivateKey } from './private-key.js';
import { addressRefused, requireAllowedLiteral, type AddressRule, type SshAddresses } from './ssh-addresses.js';
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
}

/** The same for connections that may stand in for each other: a hash, since the key is in it. */
export function identityOf(endpoint: SshEndpoint): string {
  return createHash('sha256').update(JSON.stringify(endpoint)).digest('base64');
}

/** Told of the steps of connecting, for a probe. */
export type OnStep = (step: 'connect' | 'host_key' | 'authenticate') => void;

const KEEPALIVE_MS = 10_000;
const KEEPALIVES_MISSED = 3;

const CLOSED_EARLY = 'it closed the connection before it had let us in';

/** The host opens no (further) session on a connection that is otherwise well: nothing was begun. */
export class SessionRefusedError extends DriverError {}

/** Nobody waits any longer for a session that was not open yet: no command that waits for its words has begun. */
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
  ) {}

  get lost(): DriverError | null {
    return this.#lost;
  }

  /** @throws DriverError; nothing has been made by then. */
  static async open(
    endpoint: SshEndpoint,
    budgetMs: number,
    addresses: SshAddresses,
    onStep: OnStep = () => undefined,
  ): Promise<SshConnection> {
    const { host, port, username, knownHosts, strictHostKeyChecking } = endpoint;
    const name = `${host}:${port}`;
    const client = new Client();
    let socket: Socket | undefined;
    const verdict: { refused: DriverError | null } = { refused: null };
    const wanted: { methods: readonly string[]; isSecondFactor: boolean } = { methods: [], isSecondFactor: false };
    const timedOut = notAnswering(name, budgetMs);
    let timer: NodeJS.Timeout | undefined;
    try {
      socket = await connected(host, port, budgetMs, await addresses.rule());
      // Without it a command on a connection that is open waits for the timer of Nagle's algorithm.
      socket.setNoDelay(true);
      onStep('connect');
      const privateKey = await readablePrivateKey(endpoint.privateKey, endpoint.passphrase ?? null, budgetMs);
      if (socket.destroyed) throw broken(name, CLOSED_EARLY, false);
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => reject(timedOut), budgetMs);
        client.once('ready', resolve);
        client.on('error', reject);
        client.once('close', () => reject(broken(name, CLOSED_EARLY, false)));
        client.connect({
          sock: socket as Socket,
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
          algorithms: { serverHostKey: hostKeyAlgorithms(knownKeyTypes(knownHosts, host, port)) },
          hostVerifier: (key: Buffer) => {
            verdict.refused = strictHostKeyChecking ? refusal(endpoint, key) : null;
            if (verdict.refused === null) onStep('host_key');
            return verdict.refused === null;
          },
        });
      });
      onStep('authenticate');
    } catch (error) {
      client.on('error', () => undefined);
      client.destroy();
      socket?.destroy();
      throw verdict.refused ?? failureToConnect(error, name, username, wanted);
    } finally {
      clearTimeout(timer);
    }
    client.removeAllListeners();
    const connection = new SshConnection(client, name);
    const gone = (): void => {
      connection.#lost ??= broken(name, 'the connection was lost');
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
  }

  destroy(): void {
    this.client.destroy();
  }
}

async function connected(host: string, port: number, budgetMs: number, rule: AddressRule): Promise<Socket> {
  let timer: NodeJS.Timeout | undefined;
  let socket: Socket | undefined;
  try {
    requireAllowedLiteral(host, rule);
    const opening = connect({ host, port, lookup: checkedLookup(rule) });
    socket = opening;
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(notAnswering(`${host}:${port}`, budgetMs)), budgetMs);
      // Listened to for as long as it is open: it may break while nothing else listens.
      opening.once('connect', resolve).on('error', reject);
    });
    return opening;
  } catch (error) {
    socket?.destroy();
    if (error instanceof DriverError) throw error;
    if (error instanceof AddressRefusedError) throw addressRefused(host);
    const message = `${host}:${port} cannot be reached: ${failureText(error)}.`;
    throw new DriverError('transient', 'host_unreachable', message, false);
  } finally {
    clearTimeout(timer);
  }
}

function refusal({ knownHosts, host, port }: SshEndpoint, key: Buffer): DriverError | null {
  const verdict = verifyHostKey(knownHosts, host, port, key);
  if (verdict === 'known') return null;
  const offers = `${host}:${port} offers the host key ${fingerprint(key)}`;
  const why = {
    unknown: 'knownHosts has none for it. Compare it with the host’s own, and add its line to knownHosts',
    other: 'knownHosts has another one. Either the host was set up anew, or somebody is in between',
    revoked: 'it is marked as revoked',
    certified:
      'knownHosts has only a certificate authority for it, which is not supported. Add a line with the host’s own key',
  }[verdict];
  return new DriverError('config', 'host_key_mismatch', `${offers}, and ${why}.`, false);
}

function failureToConnect(
  error: unknown,
  name: string,
  username: string,
  wanted: { readonly methods: readonly string[]; readonly isSecondFactor: boolean },
): DriverError {
  if (error instanceof DriverError) return error;
  const { level } = error as { level?: string };
  if (level === 'client-authentication') {
    const methods = wanted.methods.join(', ');
    const why = wanted.isSecondFactor
      ? `takes the key of ${username} and wants a second factor (${methods}), which is not supported`
      : wanted.methods.length > 0 && !wanted.methods.includes('publickey')
        ? `does not let ${username} in with a key, only by ${methods}, which is not supported`
        : `does not let ${username} in with this key`;
    return new DriverError('auth', 'authentication_failed', `${name} ${why}.`, false);
  }
  return broken(name, failureText(error), false);
}

function notAnswering(name: string, budgetMs: number): DriverError {
  const message = `${name} accepts connections but does not answer within ${budgetMs} ms.`;
  return new DriverError('transient', 'host_not_answering', message, false);
}

function broken(name: string, why: string, inDoubt = true): DriverError {
  return new DriverError('transient', 'connection_lost', `${name}: ${why}.`, inDoubt);
}

/** What ssh2 gives an error for a channel that the host does not open, and no other error: RFC 4254, 5.1. */
function isRefusal(error: Error): boolean {
  return typeof (error as { reason?: unknown }).reason === 'number';
}

function refused(name: string, why: string): SessionRefusedError {
  const message = `${name} opens no session for a command (MaxSessions of its sshd, or the account): ${why}`;
  return new SessionRefusedError('transient', 'session_refused', message, false);
}

const HOST_KEY_ALGORITHMS: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

/** The kinds of key that are known come first: a host with several is to show the one that can be compared. */
function hostKeyAlgorithms(types: readonly string[]): ServerHostKeyAlgorithm[] {
  const isKnown = (algorithm: string): boolean =>
    types.includes(algorithm) || (algorithm.startsWith('rsa-') && types.includes('ssh-rsa'));
  const known = HOST_KEY_ALGORITHMS.filter(isKnown);
  return [...known, ...HOST_KEY_ALGORITHMS.filter((algorithm) => !known.includes(algorithm))];
}
