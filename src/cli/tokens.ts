import { Option, type Command } from 'commander';
import { createToken, revokeToken, type WantedToken } from '../domain/access/token-changes.js';
import { tokenJson, type TokenJson } from '../domain/access/token-json.js';
import { allTokens } from '../domain/access/token-rows.js';
import type { EventLog } from '../event-sourcing/event-log/index.js';
import { PERMISSIONS } from '../platform/http/permissions.js';
import { newId } from '../event-sourcing/ids/new-id.js';
import { name, time, uuid, uuids } from './arguments.js';
import { withClient, type Client, type TargetOptions } from './client.js';
import { EXIT } from './exit.js';
import { ACTOR, onLog } from './on-log.js';
import { show, tell } from './output.js';
import type { Parts } from './parts.js';
import { NobodyAnswers } from './unanswered.js';

interface CreateOptions {
  readonly name: string;
  readonly company: readonly string[];
  readonly allCompanies?: boolean;
  readonly permission: readonly string[];
  readonly expiresAt?: Date;
  readonly json?: boolean;
}

export function addTokens(program: Command, parts: Parts): void {
  const tokens = program.command('tokens').description('Bearer tokens. They take effect within 3 s.');

  tokens
    .command('create')
    .description('Create a token; its value is shown only once')
    .requiredOption('--name <name>', 'for people', name)
    .option('--company <uuid>', 'company that it may act for; repeatable', uuids, [])
    .option('--all-companies', 'it may act for every company')
    .addOption(new Option('--permission <permission...>', 'what it may do').choices(PERMISSIONS).default([]))
    .option('--expires-at <time>', 'ISO 8601 (default: it does not expire)', time)
    .option('--json', 'print JSON')
    .action(async (options: CreateOptions, command: Command) => {
      if ((options.allCompanies === true) === options.company.length > 0) {
        command.error('error: set either --company or --all-companies', { exitCode: EXIT.usage });
      }
      const wanted: WantedToken = {
        name: options.name,
        companies: options.allCompanies === true ? null : options.company,
        permissions: options.permission,
        expiresAt: options.expiresAt?.toISOString() ?? null,
      };
      const made = await onTokens(command, parts, {
        atService: (client) => client.send<TokenJson & { readonly value: string }>('POST', '/api/tokens', wanted),
        onData: async (log) => {
          const { row, value } = await createToken(log, wanted, { actor: ACTOR, correlationId: newId() });
          return { ...tokenJson(row), value };
        },
        makes: true,
      });
      show(made.result, options.json === true, ({ value }) => value);
      tell(`The token was created in ${made.where}.`);
    });

  tokens
    .command('list')
    .description('List the tokens, without their values')
    .option('--json', 'print JSON')
    .action(async (options: { readonly json?: boolean }, command: Command) => {
      const { result } = await onTokens(command, parts, {
        atService: async (client) => (await client.get<{ items: TokenJson[] }>('/api/tokens')).items,
        onData: async (log) => (await allTokens(log.pool)).map(tokenJson),
      });
      show({ items: result }, options.json === true, ({ items }) => items.map(lineOf).join('\n'));
    });

  tokens
    .command('revoke')
    .description('Revoke a token')
    .argument('<id>', 'its id', uuid)
    .option('--json', 'print JSON')
    .action(async (id: string, options: { readonly json?: boolean }, command: Command) => {
      const { result, where } = await onTokens(command, parts, {
        atService: (client) => client.send<TokenJson>('DELETE', `/api/tokens/${id}`),
        onData: async (log) => tokenJson(await revokeToken(log, id, { actor: ACTOR, correlationId: newId() })),
      });
      show(result, options.json === true, lineOf);
      tell(`The token was revoked in ${where}.`);
    });
}

interface TokenWork<Result> {
  readonly atService: (client: Client) => Promise<Result>;
  readonly onData: (log: EventLog) => Promise<Result>;
  readonly makes?: boolean;
}

/**
 * At the service that is named, as every other command; else on the data that the settings name, without a token: whoever
 * reaches that is its operator, and the first token is made before a service runs. Where nothing is named: the service at
 * the usual place, if one answers, so that no token is made beside it.
 */
async function onTokens<Result>(
  command: Command,
  parts: Parts,
  { atService, onData, makes = false }: TokenWork<Result>,
): Promise<{ readonly result: Result; readonly where: string }> {
  const { url, databaseUrl } = command.optsWithGlobals<TargetOptions>();
  const onLogOf = () =>
    onLog(parts, { databaseUrl, makes }, async (log, _config, where) => ({ result: await onData(log), where }));
  const isNamed =
    command.getOptionValueSourceWithGlobals('url') === 'cli' || process.env['LEASEHOLD_URL'] !== undefined;
  const hasData =
    databaseUrl !== undefined ||
    (!isNamed && (process.env['DATABASE_URL'] ?? process.env['LEASEHOLD_DATA_DIR']) !== undefined);
  if (hasData) return onLogOf();
  try {
    return { result: await withClient(command, parts, atService), where: `the service at ${url}` };
  } catch (error) {
    if (isNamed || !(error instanceof NobodyAnswers)) throw error;
    return onLogOf();
  }
}

function lineOf({ id, name, companies, permissions, expiresAt, lastUsedAt, revokedAt }: TokenJson): string {
  const ended = expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? 'expired' : 'live';
  const state = revokedAt === null ? ended : 'revoked';
  const scope = companies === null ? 'every company' : companies.join(',');
  return [id, state, name, permissions.join(',') || '-', scope, `last used ${lastUsedAt ?? 'never'}`].join('\t');
}
