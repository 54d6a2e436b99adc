import type { Command } from 'commander';
import type { EnvironmentAnswer } from '../environments/http/environment-answers.js';
import { uuid } from './arguments.js';
import { withClient } from './client.js';
import { addHistory } from './leases.js';
import { fieldsOf, show, tableOf } from './output.js';
import type { Parts } from './parts.js';

interface Options {
  readonly at?: string;
  readonly json?: boolean;
}

const AT = ['--at <moment>', 'as it was: a position of the log, or an ISO 8601 time'] as const;

export function addEnvironments(program: Command, parts: Parts): void {
  const environments = program.command('environments').description('Where leases are given.');

  environments
    .command('list')
    .description('The environments of a company, oldest first')
    .requiredOption('--company <uuid>', 'whose', uuid)
    .option(...AT)
    .option('--json', 'answer in JSON')
    .action(async ({ company, at, json = false }: Options & { readonly company: string }, command: Command) => {
      const all = await withClient(command, parts, (client) =>
        client.get<EnvironmentAnswer[]>(`/api/companies/${company}/environments`, { at }),
      );
      show(all, json, (rows) =>
        tableOf(rows, [
          { name: 'ENVIRONMENT', of: ({ id }) => id },
          { name: 'NAME', of: ({ name }) => name },
          { name: 'DRIVER', of: ({ driver }) => driver },
          { name: 'STATUS', of: ({ status }) => status },
          { name: 'CREATED', of: ({ createdAt }) => createdAt },
        ]),
      );
    });

  environments
    .command('show')
    .description('An environment')
    .argument('<id>', 'its id', uuid)
    .option(...AT)
    .option('--json', 'answer in JSON')
    .action(async (id: string, { at, json = false }: Options, command: Command) => {
      const one = await withClient(command, parts, (client) =>
        client.get<EnvironmentAnswer>(`/api/environments/${id}`, { at }),
      );
      show(one, json, fieldsOf);
    });

  addHistory(environments, 'environments', parts);
}
