import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { AppModule } from './app.module.js';
import { tell } from './cli/output.js';
import type { Parts } from './cli/parts.js';
import type { Config } from './config/config.js';
import { connectDatabase } from './database/connection.js';
import { migrate } from './database/data-source.js';
import { requireUsable } from './database/usable.js';
import { EVENT_DEFINITIONS } from './event-definitions.js';
import { createHttpApp } from './http/index.js';
import { keepPrivate } from './process-start.js';

/** The service for one command alone. */
export async function serveCommand(config: Config): ReturnType<Parts['serve']> {
  await keepPrivate(config.dataDir);
  const database = await connectDatabase(config, tell);
  const token = `lh_${randomBytes(32).toString('base64url')}`;
  await requireUsable(database.client, config, tell);
  await migrate(database.client);
  const app = await createHttpApp(AppModule.on(database.client, config, [], token), [], EVENT_DEFINITIONS);
  await app.listen(0, '127.0.0.1');
  return {
    url: await app.getUrl(),
    token,
    close: () => app.close().finally(() => database.leave()),
  };
}
