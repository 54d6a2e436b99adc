import 'reflect-metadata';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { createToken, revokeToken, type WantedToken } from './access/token-changes.js';
import { tokenJson, type TokenJson } from './access/token-json.js';
import { allTokens } from './access/token-rows.js';
import { ConfigError, readConfig, type Config } from './config/config.js';
import { connectDatabase } from './database/connection.js';
import { migrate } from './database/data-source.js';
import { EmbeddedPostgresError } from './embedded/index.js';
import { LeaseholdError } from './errors/catalogue.js';
import { EVENT_DEFINITIONS } from './event-definitions.js';
import { createLogPool, EventCatalogue, EventLog } from './event-log/index.js';
import { isUuid, PERMISSIONS } from './http/index.js';
import { newId } from './ids/new-id.js';
import { replaceMasterKey, type Replacement } from './secrets/replace-master-key.js';

/** Documented in the README. */
const EXIT = { done: 0, failed: 1, usage: 2, refused: 3 } as const;

/** Whoever can reach the database with the service's settings is its operator. */
const ACTOR = 'operator:cli';

interface CreateOptions {
  readonly name: string;
  readonly company: readonly string[];
  readonly allCompanies?: boolean;
  readonly permission: readonly string[];
  readonly expiresAt?: Date;
  readonly json?: boolean;
}

const uuid = (text: string): string => {
  if (!isUuid(text)) throw new InvalidArgumentError('It must be a UUID.');
  return text.toLowerCase();
};
const uuids = (text: string, before: readonly string[]): readonly string[] => [...before, uuid(text)];
const name = (text: string): string => {
  if (text.trim() === '' || text.length > 200) throw new InvalidArgumentError('It must have 1 to 200 characters.');
  return text;
};
const time = (text: string): Date => {
  const at = new Date(text);
  if (!/^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:\d\d)$/.test(text) || Number.isNaN(at.getTime())) {
    throw new InvalidArgumentError('It must be a time with its zone, such as 2027-01-01T00:00:00Z.');
  }
  return at;
};

/** Runs work on the log of the database that the service's settings name; what is told meanwhile goes to stderr. */
async function onLog(work: (log: EventLog, config: Config) => Promise<void>): Promise<void> {
  const config = readConfig(process.env);
  const database = await connectDatabase(config, (message) => console.error(message));
  try {
    await migrate(database.client);
    const pool = createLogPool({ ...database.client, max: 2 });
    const log = new EventLog(pool, database.client, new EventCatalogue(EVENT_DEFINITIONS));
    await work(log, config).finally(() => log.close().finally(() => pool.end()));
  } finally {
    await database.leave();
  }
}

function lineOf({ id, name, companies, permissions, expiresAt, lastUsedAt, revokedAt }: TokenJson): string {
  const ended = expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? 'expired' : 'live';
  const state = revokedAt === null ? ended : 'revoked';
  const scope = companies === null ? 'every company' : companies.join(',');
  return [id, state, name, permissions.join(',') || '-', scope, `last used ${lastUsedAt ?? 'never'}`].join('\t');
}

function replaced({ keyId, sealed, olderKeyIds }: Replacement, { secretsKey }: Config): string {
  const older = olderKeyIds.join(', ') || 'none';
  const rest =
    secretsKey === null
      ? 'Start the services again. Back up secrets.key in the data folder; older keys stay in it.'
      : 'Start the services with the same LEASEHOLD_SECRETS_KEY; LEASEHOLD_SECRETS_KEY_PREVIOUS is not needed any more.';
  return `Every secret is sealed by the master key ${keyId} (${sealed} just now). Not used any more: ${older}.\n${rest}`;
}

const program = new Command('leasehold').description('Operates a Leasehold service.').exitOverride();
const tokens = program.command('tokens').description('Bearer tokens; they count within seconds.');

tokens
  .command('create')
  .description('Make a token; its value is shown only this once')
  .requiredOption('--name <name>', 'for people', name)
  .option('--company <uuid>', 'a company that it is for; can be repeated', uuids, [])
  .option('--all-companies', 'it is for every company')
  .addOption(new Option('--permission <permission...>', 'what it allows').choices(PERMISSIONS).default([]))
  .option('--expires-at <time>', 'ISO 8601; it does not expire without', time)
  .option('--json', 'answer in JSON')
  .action(async (options: CreateOptions, command: Command) => {
    if ((options.allCompanies === true) === options.company.length > 0) {
      command.error('error: give either --company or --all-companies', { exitCode: EXIT.usage });
    }
    const wanted: WantedToken = {
      name: options.name,
      companies: options.allCompanies === true ? null : options.company,
      permissions: options.permission,
      expiresAt: options.expiresAt?.toISOString() ?? null,
    };
    await onLog(async (log) => {
      const { row, value } = await createToken(log, wanted, { actor: ACTOR, correlationId: newId() });
      console.log(options.json === true ? JSON.stringify({ ...tokenJson(row), value }) : value);
    });
  });

tokens
  .command('list')
  .description('List the tokens, without their values')
  .option('--json', 'answer in JSON')
  .action((options: { readonly json?: boolean }) =>
    onLog(async (log) => {
      const items = (await allTokens(log.pool)).map(tokenJson);
      if (options.json === true) console.log(JSON.stringify({ items }));
      else for (const item of items) console.log(lineOf(item));
    }),
  );

tokens
  .command('revoke')
  .description('Refuse a token from now on')
  .argument('<id>', 'its id', uuid)
  .option('--json', 'answer in JSON')
  .action((id: string, options: { readonly json?: boolean }) =>
    onLog(async (log) => {
      const token = tokenJson(await revokeToken(log, id, { actor: ACTOR, correlationId: newId() }));
      console.log(options.json === true ? JSON.stringify(token) : lineOf(token));
    }),
  );

program
  .command('secrets')
  .description('Stored values that configs refer to.')
  .command('rotate-master-key')
  .description('Have every secret sealed by a new master key')
  .option('--resume', 'go on with a rotation that was interrupted: make no other key')
  .option('--json', 'answer in JSON')
  .addHelpText(
    'after',
    `
Where the key is in secrets.key in the data folder, a new one is made and added to that file. Where it is in
LEASEHOLD_SECRETS_KEY, set that to the new key and LEASEHOLD_SECRETS_KEY_PREVIOUS to the old one, then run this.
Services may run meanwhile; start them again afterwards, so that they seal by the new key too.
Interrupted, it loses nothing: run it again, with --resume to make no other key.`,
  )
  .action((options: { readonly resume?: boolean; readonly json?: boolean }) =>
    onLog(async (log, config) => {
      const done = await replaceMasterKey(log.pool, config, options.resume === true);
      if (options.json === true) console.log(JSON.stringify(done));
      else console.log(replaced(done, config));
    }),
  );

try {
  await program.parseAsync();
  process.exit(EXIT.done);
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? EXIT.done : EXIT.usage);
  const expected = [ConfigError, EmbeddedPostgresError, LeaseholdError].some((kind) => error instanceof kind);
  console.error(expected && error instanceof Error ? error.message : error);
  process.exit(error instanceof LeaseholdError ? EXIT.refused : EXIT.failed);
}
