import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import type { EnvironmentAnswer } from '../domain/environments/http/environment-answers.js';
import { count, seconds, uuid } from './arguments.js';
import { withClient } from './client.js';
import { CliError, EXIT } from './exit.js';
import { addHistory } from './leases.js';
import { fieldsOf, show, tableOf, tellOfMore } from './output.js';
import type { Parts } from './parts.js';

interface Options {
  readonly at?: string;
  readonly json?: boolean;
}

interface ListOptions extends Options {
  readonly company: string;
  readonly limit?: number;
  readonly cursor?: string;
}

interface DrainOptions extends Options {
  readonly deadline: number;
  readonly release?: true;
  readonly reason?: string;
  readonly wait?: true;
}

const LOOK_EVERY_MS = 1_000;

const AT = ['--at <moment>', 'show a past state: a log position, or an ISO 8601 time'] as const;

export function addEnvironments(program: Command, parts: Parts): void {
  const environments = program.command('environments').description('Environments: the hosts and sandboxes of leases.');

  environments
    .command('list')
    .description('List the environments of a company, oldest first')
    .requiredOption('--company <uuid>', 'whose', uuid)
    .option('--limit <count>', 'maximum number (default: 500)', count)
    .option('--cursor <cursor>', 'continue after the previous page')
    .option(...AT)
    .option('--json', 'print JSON')
    .action(async ({ company, limit, cursor, at, json = false }: ListOptions, command: Command) => {
      const page = await withClient(command, parts, (client) =>
        client.page<EnvironmentAnswer>(`/api/companies/${company}/environments`, { limit, cursor, at }),
      );
      show(page.items, json, (rows) =>
        tableOf(rows, [
          { name: 'ENVIRONMENT', of: ({ id }) => id },
          { name: 'NAME', of: ({ name }) => name },
          { name: 'DRIVER', of: ({ driver }) => driver },
          { name: 'STATUS', of: ({ status }) => status },
          { name: 'CREATED', of: ({ createdAt }) => createdAt },
        ]),
      );
      // The array has no place for the cursor, so that programs are told too.
      tellOfMore(page.nextCursor);
    });

  environments
    .command('show')
    .description('An environment')
    .argument('<id>', 'its id', uuid)
    .option(...AT)
    .option('--json', 'print JSON')
    .action(async (id: string, { at, json = false }: Options, command: Command) => {
      const one = await withClient(command, parts, (client) =>
        client.get<EnvironmentAnswer>(`/api/environments/${id}`, { at }),
      );
      show(one, json, fieldsOf);
    });

  environments
    .command('cordon')
    .description('Stop new leases; existing leases continue')
    .argument('<id>', 'its id', uuid)
    .option('--reason <text>', 'shown to callers who ask for a lease')
    .option('--json', 'print JSON')
    .action(async (id: string, { reason, json = false }: Options & { readonly reason?: string }, command: Command) => {
      show(await changed(command, parts, `/api/environments/${id}/cordon`, { reason }), json, fieldsOf);
    });

  environments
    .command('drain')
    .description('Stop new leases, and have the environment empty')
    .argument('<id>', 'its id', uuid)
    .requiredOption('--deadline <seconds>', 'seconds from now', seconds)
    .option('--release', 'end the leases that are there at the deadline; without it they end by themselves')
    .option('--reason <text>', 'shown to callers who ask for a lease')
    .option('--wait', 'until the last lease is gone, its cleanup included')
    .option('--json', 'print JSON')
    .action(async (id: string, options: DrainOptions, command: Command) => {
      const { deadline: deadlineSeconds, release = false, reason, wait = false, json = false } = options;
      const wish = { deadlineSeconds, onDeadline: release ? 'release' : 'wait', reason };
      const path = `/api/environments/${id}`;
      const environment = await withClient(
        command,
        parts,
        async (client) => {
          const asked = await client.send<EnvironmentAnswer>('POST', `${path}/drain`, wish);
          return wait ? untilDrained(asked, () => client.get<EnvironmentAnswer>(path)) : asked;
        },
        'changes',
      );
      show(environment, json, fieldsOf);
    });

  environments
    .command('uncordon')
    .description('Allow new leases again')
    .argument('<id>', 'its id', uuid)
    .option('--json', 'print JSON')
    .action(async (id: string, { json = false }: Options, command: Command) => {
      show(await changed(command, parts, `/api/environments/${id}/uncordon`, {}), json, fieldsOf);
    });

  addHistory(environments, 'environments', parts);
}

function changed(command: Command, parts: Parts, path: string, body: object): Promise<EnvironmentAnswer> {
  return withClient(command, parts, (client) => client.send<EnvironmentAnswer>('POST', path, body), 'changes');
}

/** @throws CliError where the drain is cancelled meanwhile */
async function untilDrained(
  environment: EnvironmentAnswer,
  look: () => Promise<EnvironmentAnswer>,
): Promise<EnvironmentAnswer> {
  for (let now = environment; ; now = await look()) {
    if (now.drain === null) throw new CliError(EXIT.failed, 'The drain was cancelled: somebody uncordoned it.');
    if (now.drain.drainedAt !== null) return now;
    await pause(LOOK_EVERY_MS);
  }
}
