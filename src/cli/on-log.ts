import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig, type Config } from '../platform/config/config.js';
import { connectDatabase, type DatabaseConnection } from '../platform/database/connection.js';
import { isMigrated } from '../platform/database/is-migrated.js';
import { createLogPool, EventCatalogue, EventLog } from '../event-sourcing/event-log/index.js';
import { CliError, EXIT } from './exit.js';
import { tell } from './output.js';
import type { Parts } from './parts.js';

/** A user who can reach the database with the service's settings is its operator. */
export const ACTOR = 'operator:cli';

const NAME_IT = 'Name the service by --url, or its data by LEASEHOLD_DATA_DIR, DATABASE_URL or --database-url.';

interface OnLog {
  /** Instead of the one that the settings name. */
  readonly databaseUrl?: string | undefined;
  /** Whether a database, and the folder of an embedded one, is made where there is none. */
  readonly makes: boolean;
}

export function notMigrated({ description }: Pick<DatabaseConnection, 'description'>): CliError {
  return new CliError(
    EXIT.failed,
    `${description} does not have the tables of this release. Start the service on it, or use another database. ${NAME_IT}`,
  );
}

/** Runs work on the log of the database that the service's settings name; what is told meanwhile goes to stderr. */
export async function onLog<Result>(
  { definitions }: Parts,
  { databaseUrl, makes }: OnLog,
  work: (log: EventLog, config: Config, where: string) => Promise<Result>,
): Promise<Result> {
  const config = readConfig({ ...process.env, ...(databaseUrl !== undefined && { DATABASE_URL: databaseUrl }) });
  if (!makes && config.databaseUrl === null && !existsSync(join(config.dataDir, 'postgres'))) {
    throw new CliError(EXIT.failed, `There is no data in ${config.dataDir}. ${NAME_IT}`);
  }
  const database = await connectDatabase(config, tell);
  const pool = createLogPool({ ...database.client, max: 2 });
  try {
    if (!(await isMigrated(pool))) {
      if (!makes) throw notMigrated(database);
      // Loaded here: TypeORM takes longer than most commands.
      const { migrate } = await import('../platform/database/data-source.js');
      await migrate(database.client);
    }
    const log = new EventLog(pool, database.client, new EventCatalogue(definitions));
    return await work(log, config, database.description).finally(() => log.close());
  } finally {
    await pool.end().finally(() => database.leave());
  }
}
