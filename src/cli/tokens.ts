import { Option, type Command } from 'commander';
import { createToken, revokeToken, type WantedToken } from '../access/token-changes.js';
import { tokenJson, type TokenJson } from '../access/token-json.js';
import { allTokens } from '../access/token-rows.js';
import { PERMISSIONS } from '../http/permissions.js';
import { newId } from '../ids/new-id.js';
import { name, time, uuid, uuids } from './arguments.js';
import { EXIT } from './exit.js';
import { ACTOR, onLog } from './on-log.js';
import { show } from './output.js';
import type { Parts } from './parts.js';

interface CreateOptions {
  readonly name: string;
  readonly company: readonly string[];
  readonly allCompanies?: boolean;
  readonly permission: readonly string[];
  readonly expiresAt?: Date;
  readonly json?: boolean;
}

export function addTokens(program: Command, parts: Parts): void {
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
      await onLog(parts, async (log) => {
        const { row, value } = await createToken(log, wanted, { actor: ACTOR, correlationId: newId() });
        show({ ...tokenJson(row), value }, options.json === true, (made) => made.value);
      });
    });

  tokens
    .command('list')
    .description('List the tokens, without their values')
    .option('--json', 'answer in JSON')
    .action((options: { readonly json?: boolean }) =>
      onLog(parts, async (log) => {
        const items = (await allTokens(log.pool)).map(tokenJson);
        show({ items }, options.json === true, (all) => all.items.map(lineOf).join('\n'));
      }),
    );

  tokens
    .command('revoke')
    .description('Refuse a token from now on')
    .argument('<id>', 'its id', uuid)
    .option('--json', 'answer in JSON')
    .action((id: string, options: { readonly json?: boolean }) =>
      onLog(parts, async (log) => {
        const token = tokenJson(await revokeToken(log, id, { actor: ACTOR, correlationId: newId() }));
        show(token, options.json === true, lineOf);
      }),
    );
}

function lineOf({ id, name, companies, permissions, expiresAt, lastUsedAt, revokedAt }: TokenJson): string {
  const ended = expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? 'expired' : 'live';
  const state = revokedAt === null ? ended : 'revoked';
  const scope = companies === null ? 'every company' : companies.join(',');
  return [id, state, name, permissions.join(',') || '-', scope, `last used ${lastUsedAt ?? 'never'}`].join('\t');
}
