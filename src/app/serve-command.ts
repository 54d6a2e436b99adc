import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { AppModule } from './app.module.js';
import { notMigrated } from '../cli/on-log.js';
import { tell } from '../cli/output.js';
import type { Parts } from '../cli/parts.js';
import type { Config } from '../platform/config/config.js';
import { connectDatabase, type DatabaseConnection } from '../platform/database/connection.js';
import { migrate } from '../platform/database/data-source.js';
import { isMigrated } from '../platform/database/is-migrated.js';
import { requireUsable } from '../platform/database/usable.js';
import { EVENT_DEFINITIONS } from './event-definitions.js';
import { createLogPool } from '../event-sourcing/event-log/index.js';
import { createHttpApp } from '../platform/http/index.js';
import { keepPrivate } from '../platform/process/process-start.js';

/** The service for one command alone. */
export async function serveCommand(config: Config, mode: Parameters<Parts['serve']>[1]): ReturnType<Parts['serve']> {
  if (mode === 'changes') await keepPrivate(config.dataDir);
  const database = await connectDatabase(config, tell);
  const token = `lh_${randomBytes(32).toString('base64url')}`;
  await requireUsable(database.client, config, tell);
  if (mode === 'changes') await migrate(database.client);
  else await requireServed(database);
  const settings: Config = mode === 'changes' ? config : { ...config, isReader: true };
  const app = await createHttpApp(AppModule.on(database.client, settings, [], token), [], EVENT_DEFINITIONS);
  await app.listen(0, '127.0.0.1');
  return {
    url: await app.getUrl(),
    token,
    close: () => app.close().finally(() => database.leave()),
  };
}

/** A service of this release has been started on it: what only reads makes nothing there. */
async function requireServed(database: DatabaseConnection): Promise<void> {
  const pool = createLogPool({ ...database.client, max: 1 });
  try {
    if (!(await isMigrated(pool))) throw notMigrated(database);
    const { rowCount } = await pool.query('SELECT FROM projections LIMIT 1');
    if (rowCount === 0) throw notMigrated(database);
  } finally {
    await pool.end();
  }
}
