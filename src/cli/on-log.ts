import { readConfig, type Config } from '../config/config.js';
import { connectDatabase } from '../database/connection.js';
import { isMigrated } from '../database/is-migrated.js';
import { createLogPool, EventCatalogue, EventLog } from '../event-log/index.js';
import { tell } from './output.js';
import type { Parts } from './parts.js';

/** Whoever can reach the database with the service's settings is its operator. */
export const ACTOR = 'operator:cli';

/** Runs work on the log of the database that the service's settings name; what is told meanwhile goes to stderr. */
export async function onLog(
  { definitions }: Parts,
  work: (log: EventLog, config: Config) => Promise<void>,
): Promise<void> {
  const config = readConfig(process.env);
  const database = await connectDatabase(config, tell);
  const pool = createLogPool({ ...database.client, max: 2 });
  try {
    if (!(await isMigrated(pool))) {
      // Loaded here: TypeORM takes longer than most commands.
      const { migrate } = await import('../database/data-source.js');
      await migrate(database.client);
    }
    const log = new EventLog(pool, database.client, new EventCatalogue(definitions));
    await work(log, config).finally(() => log.close());
  } finally {
    await pool.end().finally(() => database.leave());
  }
}
