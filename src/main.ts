import 'reflect-metadata';
import { AppModule } from './app.module.js';
import { ConfigError, readConfig, type Config } from './config/config.js';
import { connectDatabase } from './database/connection.js';
import { migrate } from './database/data-source.js';
import { EmbeddedPostgresError } from './embedded/index.js';
import { createHttpApp } from './http/index.js';

const say = (message: string): void => console.log(message);

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const database = await connectDatabase(config, say);
  try {
    await migrate(database.client);
    const app = await createHttpApp(AppModule.on(database.client));
    let stopping: Promise<void> | null = null;
    const stop = async (): Promise<void> => {
      await app.close();
      await database.leave();
    };
    const onSignal = (): void => {
      stopping ??= stop().then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      );
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    try {
      await app.listen(config.port, config.host);
    } catch (error) {
      await app.close();
      throw error;
    }
    say(welcome(await app.getUrl(), database.description));
  } catch (error) {
    await database.leave();
    throw explained(error, config);
  }
}

function welcome(url: string, data: string): string {
  return `Leasehold listens on ${url}
Data: ${data}
API:  ${url}/api/docs

Acquire a first lease:
  curl -s -X POST ${url}/api/companies/3f0c9a52-8a4e-4d0b-9a57-6f1e2d3c4b5a/leases \\
    -H 'Content-Type: application/json' -d '{"heartbeatRunId": "7d9e1c52-3b6a-4f0e-8c21-5a4b3c2d1e0f"}'

Ctrl-C stops everything that was started.`;
}

/** A port that is taken is not a bug to show a stack trace of. */
function explained(error: unknown, { host, port }: Config): unknown {
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return new ConfigError(
      `Port ${port} on ${host} is taken, perhaps by another Leasehold. Stop that one, or set PORT to a free one.`,
    );
  }
  return error;
}

function fail(error: unknown): never {
  const expected = error instanceof ConfigError || error instanceof EmbeddedPostgresError;
  console.error(expected ? `Leasehold does not start.\n${error.message}` : error);
  process.exit(1);
}

await main().catch(fail);
