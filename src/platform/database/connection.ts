import { joinEmbeddedPostgres } from '../embedded/index.js';
import type { Config } from '../config/config.js';
import type { PostgresConfig } from '../../event-sourcing/postgres/index.js';
import { parseDatabaseUrl } from './database-url.js';
import { speaksTls } from './speaks-tls.js';

/** The database that the service works on, and how to let go of it. */
export interface DatabaseConnection {
  readonly client: PostgresConfig;
  /** For people: where the data is. No password. */
  readonly description: string;
  /** @param withinMs what does not answer for so long is not waited for */
  leave(withinMs?: number): Promise<void>;
}

const POSTGRES_PORT = 5432;

/** The Postgres of DATABASE_URL, else the embedded one, started if need be. */
export async function connectDatabase(config: Config, log: (message: string) => void): Promise<DatabaseConnection> {
  if (config.databaseUrl !== null) {
    const { client, description, prefersTls } = parseDatabaseUrl(config.databaseUrl);
    const isPlain = prefersTls && !(await speaksTls(client.host ?? 'localhost', client.port ?? POSTGRES_PORT));
    return {
      client: { ...bounded(config), ...client, ...(isPlain && { ssl: false }) },
      description,
      leave: () => Promise.resolve(),
    };
  }
  const embedded = await joinEmbeddedPostgres({ dataDir: config.dataDir, log });
  return {
    client: { ...bounded(config), ...embedded.connection, application_name: 'leasehold' },
    description: `${config.dataDir} (embedded Postgres)`,
    leave: (withinMs) => embedded.leave(withinMs),
  };
}

/**
 * Nobody waits longer for a database that does not answer. Who waits for a lock gives up first, on the server: a statement whose
 * caller has gone would go on waiting there, and hold its connection.
 */
function bounded({ databaseTimeoutMs }: Config): PostgresConfig {
  return {
    connectionTimeoutMillis: databaseTimeoutMs,
    query_timeout: databaseTimeoutMs,
    settings: { lock_timeout: String(Math.ceil(databaseTimeoutMs * 0.8)) },
  };
}
