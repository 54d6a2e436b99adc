import { parseIntoClientConfig } from 'pg-connection-string';
import { ConfigError } from '../config/config.js';
import type { PostgresConfig } from '../../event-sourcing/postgres/index.js';

export interface ParsedUrl {
  readonly client: PostgresConfig;
  /** For people: where the database is. No password. */
  readonly description: string;
  /** `sslmode=prefer`: TLS where the server speaks it, which only asking shows. */
  readonly prefersTls: boolean;
}

/**
 * What may be said in the URL, by libpq's names. All else is left alone, as libpq's other settings are by the driver, but
 * above all what would change how values are read (`client_encoding`, `binary`).
 */
const TAKEN = [
  'host',
  'port',
  'user',
  'password',
  'database',
  'ssl',
  'application_name',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
] as const;

/**
 * The driver takes the weaker modes for `verify-full` and warns of each in four lines; said plainly it warns of none.
 * Null: not one of libpq's or the driver's.
 */
const SSL_MODES: Readonly<Record<string, string>> = {
  disable: 'disable',
  allow: 'no-verify',
  prefer: 'no-verify',
  require: 'verify-full',
  'verify-ca': 'verify-full',
  'verify-full': 'verify-full',
  'no-verify': 'no-verify',
};

/**
 * DATABASE_URL in each of libpq's forms, a unix socket's included.
 * @throws ConfigError which never repeats the URL: there is a password in it
 */
export function parseDatabaseUrl(url: string): ParsedUrl {
  const query = new URLSearchParams(/\?([^#]*)/.exec(url)?.[1] ?? '');
  const sslMode = query.get('sslmode');
  const mode = sslMode === null ? undefined : SSL_MODES[sslMode];
  if (sslMode !== null && mode === undefined) {
    throw new ConfigError(`DATABASE_URL: sslmode must be one of ${Object.keys(SSL_MODES).join(', ')}.`);
  }
  const given = parsed(query.get('uselibpqcompat') === 'true' ? url : withSslMode(url, mode));
  const database = query.get('dbname') ?? given['database'];
  const client: Record<string, unknown> = { application_name: 'leasehold' };
  for (const name of TAKEN) if (given[name] !== undefined && given[name] !== '') client[name] = given[name];
  if (database !== undefined) client['database'] = database;
  if (typeof given['options'] === 'string' && given['options'] !== '') client['startOptions'] = given['options'];
  const seconds = Number(query.get('connect_timeout') ?? 0);
  if (Number.isInteger(seconds) && seconds > 0 && seconds < 86_400) client['connectionTimeoutMillis'] = seconds * 1000;
  const host = typeof client['host'] === 'string' ? client['host'] : 'localhost';
  const isSocket = host.startsWith('/');
  // As libpq does: nobody can listen in on a unix socket.
  if (isSocket) client['ssl'] = false;
  const port = isSocket || typeof client['port'] !== 'number' ? '' : `:${client['port']}`;
  return {
    client,
    description: `Postgres at ${host}${port}/${typeof database === 'string' ? database : ''}`,
    prefersTls: !isSocket && (sslMode === 'prefer' || sslMode === 'allow'),
  };
}

function parsed(url: string): Readonly<Record<string, unknown>> {
  try {
    return parseIntoClientConfig(withHost(url)) as Record<string, unknown>;
  } catch (error) {
    const reason = error instanceof Error && error.message !== 'Invalid URL' ? ` (${error.message})` : '';
    throw new ConfigError(
      `DATABASE_URL cannot be read${reason}. Its form is postgres://user:password@host:5432/database, with ` +
        'characters such as @ : / # ? % in the user or the password percent-encoded; a unix socket is ?host=/folder.',
    );
  }
}

/** A port without a host, which libpq takes, is no URL. */
function withHost(url: string): string {
  return url.replace(/^([a-z]+:\/\/(?:[^/?#]*@)?):(?=\d)/, '$1localhost:');
}

function withSslMode(url: string, mode: string | undefined): string {
  return mode === undefined ? url : url.replace(/([?&]sslmode=)[^&#]*/, `$1${mode}`);
}
