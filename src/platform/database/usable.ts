import { ConfigError, type Config } from '../config/config.js';
import { unknownMigrations } from './is-migrated.js';
import { PostgresClient, type PostgresConfig } from '../../event-sourcing/postgres/index.js';

/** docs/reference/settings.md promises it, and it has all that is asked here. */
const OLDEST_VERSION = 150_000;
/** Pairs of sessions that a pooler is tried with: others may be faster to take the session that is given back. */
const POOLER_TRIES = 5;

interface Found {
  readonly version: string;
  readonly versionNumber: number;
  readonly encoding: string;
  readonly database: string;
  readonly role: string;
  readonly schema: string | null;
  readonly searchPath: string;
  readonly mayCreateTables: boolean | null;
  readonly mayCreateSchemas: boolean;
  readonly connections: number;
  readonly isStandby: boolean;
  readonly isReadOnly: boolean;
}

const ASK = `
  SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS "versionNumber",
         current_setting('server_encoding') AS encoding, current_database() AS database, current_user AS role,
         current_schema() AS schema, current_setting('search_path') AS "searchPath",
         has_schema_privilege(current_schema(), 'CREATE') AS "mayCreateTables",
         has_database_privilege(current_database(), 'CREATE') AS "mayCreateSchemas",
         (SELECT least(current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
                       nullif(rolconnlimit, -1), nullif(datconnlimit, -1))
            FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()) AS connections,
         pg_is_in_recovery() AS "isStandby", current_setting('transaction_read_only')::boolean AS "isReadOnly"`;

/**
 * Whether the service can work on the database at all, before it changes anything there.
 * @param warn told of what makes it slow or unsteady
 * @throws ConfigError that names each thing that is missing, and what gives it
 */
export async function requireUsable(
  config: PostgresConfig,
  { redisUrl, databaseConnections }: Config,
  warn: (message: string) => void,
): Promise<void> {
  const client = new PostgresClient(config);
  await client.connect();
  try {
    const { rows } = await client.query<Found>(ASK);
    const problems = rows.flatMap((found) => problemsOf(found, redisUrl === null));
    const allowed = rows[0]?.connections ?? Infinity;
    const newer = await unknownMigrations(client);
    if (newer.length > 0) problems.push(newerMigrations(newer));
    if (allowed < databaseConnections) warn(tooFew(allowed, databaseConnections));
    if (client.isPooled && (await sharesSessions(client, config))) problems.push(SHARED_SESSIONS);
    if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  } finally {
    await client.end();
  }
}

const SHARED_SESSIONS =
  'DATABASE_URL leads to a connection pooler that shares sessions among its clients (transaction mode). Leasehold needs ' +
  'sessions of its own. Set the pooler to session mode (pgbouncer: pool_mode = session), or connect to Postgres itself.';

/** What they changed is not known here: tables and functions may mean something else now. */
function newerMigrations(names: readonly string[]): string {
  return (
    `A newer release of Leasehold has migrated the database (${names.join(', ')}). ` +
    'Run that release, or restore a backup that was made before it.'
  );
}

function tooFew(allowed: number, wanted: number): string {
  return (
    `The database allows ${allowed} connections; this process opens up to ${wanted}, and so does each other one. ` +
    'Requests will fail with database_unavailable under load. Raise max_connections, or set LEASEHOLD_DATABASE_CONNECTIONS lower.'
  );
}

function problemsOf(found: Found, isQueueHere: boolean): string[] {
  const { version, encoding, database, role, schema, searchPath } = found;
  const problems: string[] = [];
  if (found.versionNumber < OLDEST_VERSION) problems.push(`Postgres is ${version}. Leasehold needs 15 or newer.`);
  if (encoding !== 'UTF8') {
    problems.push(`The database "${database}" has the encoding ${encoding}. Create one with ENCODING 'UTF8'.`);
  }
  if (found.isStandby) {
    problems.push('The database is a standby, which takes no writes. Set DATABASE_URL to the primary, or promote it.');
  } else if (found.isReadOnly) {
    problems.push('The database is read-only: default_transaction_read_only is on. Set it to off for the database.');
  }
  if (schema === null) {
    problems.push(`The search_path (${searchPath}) names no schema that exists. Create one of them, or set another.`);
  } else if (found.mayCreateTables !== true) {
    problems.push(
      `The role "${role}" lacks the right CREATE on the schema "${schema}". ` +
        `The owner can grant it: GRANT USAGE, CREATE ON SCHEMA ${quoted(schema)} TO ${quoted(role)};`,
    );
  }
  if (isQueueHere && !found.mayCreateSchemas) {
    problems.push(
      `The role "${role}" lacks the right CREATE on the database "${database}", which the queue's schema needs. ` +
        `The owner can grant it: GRANT CREATE ON DATABASE ${quoted(database)} TO ${quoted(role)}; or set REDIS_URL.`,
    );
  }
  return problems;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Two clients that are open at once and have one session between them. */
async function sharesSessions(first: PostgresClient, config: PostgresConfig): Promise<boolean> {
  const second = new PostgresClient(config);
  await second.connect();
  try {
    for (let tried = 0; tried < POOLER_TRIES; tried += 1) {
      if ((await sessionOf(first)) === (await sessionOf(second))) return true;
    }
    return false;
  } finally {
    await second.end();
  }
}

async function sessionOf(client: PostgresClient): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid;
}
