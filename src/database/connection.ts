import type pg from 'pg';
import { joinEmbeddedPostgres } from '../embedded/index.js';
import type { Config } from '../config/config.js';

/** The database that the service works on, and how to let go of it. */
export interface DatabaseConnection {
  readonly client: pg.ClientConfig;
  /** For people: where the data is. No password. */
  readonly description: string;
  leave(): Promise<void>;
}

/** The Postgres of DATABASE_URL, else the embedded one, started if need be. */
export async function connectDatabase(config: Config, log: (message: string) => void): Promise<DatabaseConnection> {
  if (config.databaseUrl !== null) {
    const { host, pathname } = new URL(config.databaseUrl);
    return {
      client: { connectionString: config.databaseUrl, application_name: 'leasehold' },
      description: `Postgres at ${host}${pathname}`,
      leave: () => Promise.resolve(),
    };
  }
  const embedded = await joinEmbeddedPostgres({ dataDir: config.dataDir, log });
  return {
    client: { ...embedded.connection, application_name: 'leasehold' },
    description: `${config.dataDir} (embedded Postgres)`,
    leave: () => embedded.leave(),
  };
}
