import 'reflect-metadata';
import { someTokenIsLive } from './domain/access/live-token.js';
import type { PostgresConfig } from './event-sourcing/postgres/index.js';
import { AppModule } from './app/app.module.js';
import { ConfigError, isLoopback, readConfig, type Config } from './platform/config/config.js';
import { connectDatabase, type DatabaseConnection } from './platform/database/connection.js';
import { migrate } from './platform/database/data-source.js';
import { requireUsable } from './platform/database/usable.js';
import { EVENT_DEFINITIONS } from './app/event-definitions.js';
import { createHttpApp } from './platform/http/index.js';
import { keepPrivate, startClean } from './platform/process/process-start.js';
import { within } from './runtime/provisioning/within.js';
import { readKeyFile } from './domain/secrets/key-file.js';
import { reasonOf, startFailureOf } from './platform/process/start-failure.js';

/** npm passes Ctrl-C on to a service that the terminal has told of it already. */
const SAME_SIGNAL_MS = 1_000;
/** Of the time to end: for requests under way, and for all parts of the service; the rest is for the embedded Postgres. */
const HTTP = 0.6;
const PARTS = 0.8;
const LEAVING = 0.1;

const say = (message: string): void => console.log(message);

/** Also when it comes while the service is still starting: what has been started by then is stopped. A second one kills. */
const stopRequested = new Promise<void>((resolve) => {
  let first = 0;
  const stop = (signal: NodeJS.Signals): void => {
    if (first === 0) {
      first = performance.now();
      resolve();
    } else if (performance.now() - first > SAME_SIGNAL_MS) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
});

async function main(): Promise<void> {
  startClean();
  const config = readConfig(process.env);
  // Whatever hangs: a database that was stopped, a queue that is away, or a start that has come to neither yet.
  void stopRequested.then(() => setTimeout(() => giveUp(config), config.shutdownMs));
  await keepPrivate(config.dataDir);
  const database = await connectDatabase(config, say);
  try {
    await serve(config, database);
  } finally {
    await database.leave(config.shutdownMs * LEAVING);
  }
}

async function serve(config: Config, { client, description }: DatabaseConnection): Promise<void> {
  await prepare(client, config).catch((error: unknown) => {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`The database cannot be used (${description}): ${reasonOf(error)}`);
  });
  await refuseToBeOpen(config, client);
  // Nest would tell of it with a stack trace.
  await readKeyFile(config.dataDir);
  const { allowedOrigins, shutdownMs } = config;
  const app = await createHttpApp(AppModule.on(client, config), allowedOrigins, EVENT_DEFINITIONS, shutdownMs * HTTP);
  try {
    if (config.role === 'worker') {
      await app.init();
      say(`Leasehold runs as a worker.\nData: ${description}`);
    } else {
      await app.listen(config.port, config.host).catch((error: unknown) => {
        throw portTaken(error, config) ?? error;
      });
      say(welcome(await app.getUrl(), description, await someTokenIsLive(client)));
    }
    await stopRequested;
  } finally {
    if (!(await within(shutdownMs * PARTS, app.close()))) say('Some parts of the service did not stop in time.');
  }
}

async function prepare(client: PostgresConfig, config: Config): Promise<void> {
  await requireUsable(client, config, say);
  await migrate(client);
}

function giveUp({ shutdownMs }: Config): void {
  console.error(`Leasehold did not stop within ${shutdownMs} ms (LEASEHOLD_SHUTDOWN_MS) and exits now.`);
  process.exit(1);
}

function welcome(url: string, data: string, asksForToken: boolean): string {
  const token = asksForToken ? `    -H "Authorization: Bearer $LEASEHOLD_TOKEN" \\\n` : '';
  return `Leasehold listens on ${url}
Data: ${data}
API:  ${url}/api/docs

Acquire a first lease:
  curl -s -X POST ${url}/api/companies/3f0c9a52-8a4e-4d0b-9a57-6f1e2d3c4b5a/leases \\
${token}    -H 'Content-Type: application/json' -d '{"heartbeatRunId": "7d9e1c52-3b6a-4f0e-8c21-5a4b3c2d1e0f"}'

Ctrl-C stops everything that was started.`;
}

/** Whom this machine's network reaches, everybody may be: the service asks for tokens, so there must be one. */
async function refuseToBeOpen({ host, role }: Config, client: PostgresConfig): Promise<void> {
  if (role === 'worker' || isLoopback(host) || (await someTokenIsLive(client))) return;
  throw new ConfigError(
    `HOST is "${host}", which is not loopback, and there is no live token. ` +
      'Create one first: npm run leasehold -- tokens create --name … --all-companies --permission admin',
  );
}

/** A port that is taken is not a bug to show a stack trace of. */
function portTaken(error: unknown, { host, port }: Config): ConfigError | null {
  if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) return null;
  return new ConfigError(
    `Port ${port} on ${host} is taken, perhaps by another Leasehold. Stop that one, or set PORT to a free one.`,
  );
}

// No top-level await: the bundle is a script, so that what V8 has compiled of it can be kept (decision 0019).
main().then(
  () => process.exit(0),
  (error: unknown) => {
    const failure = startFailureOf(error);
    console.error(failure === null ? error : `Leasehold does not start.\n${failure}`);
    process.exit(1);
  },
);
