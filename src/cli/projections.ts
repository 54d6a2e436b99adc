import { setTimeout as pause } from 'node:timers/promises';
import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import type { ProjectionStatus, Verification } from '../event-sourcing/projections/index.js';
import type { ParkedStream, RetryResult, SubscriptionStatus } from '../event-sourcing/subscriptions/index.js';
import { withClient, type Client } from './client.js';
import { CliError, EXIT } from './exit.js';
import { show, tableOf, textOf } from './output.js';
import type { Parts } from './parts.js';

interface Options {
  readonly json?: boolean;
}
interface List<Item> {
  readonly items: readonly Item[];
}

const LOOK_EVERY_MS = 200;

export function addProjections(program: Command, parts: Parts): void {
  const projections = program.command('projections').description('Read models: tables that are built from the log.');

  projections
    .command('list')
    .description('List the read models, with their progress')
    .option('--json', 'print JSON')
    .action(async ({ json = false }: Options, command: Command) => {
      const all = await withClient(command, parts, statuses);
      show(all, json, ({ items }) =>
        tableOf(items, [
          { name: 'PROJECTION', of: ({ name }) => name },
          { name: 'STATE', of: ({ state }) => state },
          { name: 'GENERATION', of: ({ generation }) => generation },
          { name: 'CHECKPOINT', of: ({ checkpoint }) => checkpoint },
          { name: 'LAG', of: ({ lag }) => lag },
          { name: 'PARKED', of: ({ parked }) => parked },
        ]),
      );
    });

  projections
    .command('rebuild')
    .description('Rebuild a read model beside the live one, and wait until it is live')
    .argument('<name>', 'name, from `projections list`')
    .option('--json', 'print JSON')
    .action(async (name: string, { json = false }: Options, command: Command) => {
      const rebuilt = async (client: Client): Promise<ProjectionStatus> => {
        const begun = await client.send<{ generation: number }>(
          'POST',
          `/api/projections/${encodeURIComponent(name)}/rebuild`,
        );
        return untilLive(client, name, begun.generation);
      };
      const done = await withClient(command, parts, rebuilt, 'changes');
      show(done, json, ({ generation }) => `${name} now uses generation ${generation}.`);
    });

  projections
    .command('verify')
    .description('Compare a read model with the log, row by row; exit code 1 if they differ')
    .argument('<name>', 'name, from `projections list`')
    .option('--json', 'print JSON')
    .action(async (name: string, { json = false }: Options, command: Command) => {
      const found = await withClient(command, parts, (client) =>
        client.send<Verification>('POST', `/api/projections/${encodeURIComponent(name)}/verify`),
      );
      show(found, json, verificationText);
      if (found.differing > 0) throw new CliError(EXIT.failed, `${found.differing} rows differ from the log.`);
    });
}

export function addParked(program: Command, parts: Parts): void {
  const parked = program.command('parked').description('Streams with an event that could not be handled.');

  parked
    .command('list')
    .description('List the parked streams of every subscription')
    .option('--json', 'print JSON')
    .action(async ({ json = false }: Options, command: Command) => {
      const items = await withClient(command, parts, async (client) => {
        const { items: subscriptions } = await client.get<List<SubscriptionStatus>>('/api/subscriptions');
        const each = subscriptions.map(({ name }) =>
          client.get<List<ParkedStream>>(`/api/subscriptions/${encodeURIComponent(name)}/parked`),
        );
        return (await Promise.all(each)).flatMap((list) => list.items);
      });
      show({ items }, json, (all) =>
        tableOf(all.items, [
          { name: 'SUBSCRIPTION', of: ({ subscription }) => subscription },
          { name: 'STREAM', of: ({ stream }) => stream },
          { name: 'POSITION', of: ({ position }) => position },
          { name: 'ATTEMPTS', of: ({ attempts }) => attempts },
          { name: 'ERROR', of: ({ error }) => error },
        ]),
      );
    });

  parked
    .command('retry')
    .description('Retry a parked stream; exit code 1 unless it recovers')
    .argument('<subscription>', 'from `parked list`')
    .argument('<stream>', 'from `parked list`')
    .option('--json', 'print JSON')
    .action(async (subscription: string, stream: string, { json = false }: Options, command: Command) => {
      const path = `/api/subscriptions/${encodeURIComponent(subscription)}/parked/${encodeURIComponent(stream)}/retry`;
      const result = await withClient(command, parts, (client) => client.send<RetryResult>('POST', path), 'changes');
      show(result, json, textOf);
      if (result.kind !== 'recovered') throw new CliError(EXIT.failed, `${stream} is still parked.`);
    });
}

function statuses(client: Client): Promise<List<ProjectionStatus>> {
  return client.get('/api/projections');
}

/** With a bar where somebody looks at it. */
async function untilLive(client: Client, name: string, generation: number): Promise<ProjectionStatus> {
  const bar = new SingleBar({ format: `${name} [{bar}] {percentage} %`, noTTYOutput: false });
  bar.start(1, 0);
  try {
    for (;;) {
      const { items } = await statuses(client);
      const status = items.find((item) => item.name === name);
      if (status && status.generation >= generation) {
        bar.update(1);
        return status;
      }
      bar.update(status?.rebuild?.progress ?? 0);
      await pause(LOOK_EVERY_MS);
    }
  } finally {
    bar.stop();
  }
}

function verificationText({ name, generation, position, rows, undecided, events, differences }: Verification): string {
  const compared = `${name}, generation ${generation}: ${rows} rows from ${events} events up to position ${position}.`;
  const head =
    undecided === 0 ? compared : `${compared}\nNot compared, because a newer release wrote them: ${undecided} rows.`;
  const lines = differences.flatMap(({ key, kind, fields }) =>
    fields.map(({ field, expected, actual }) => ({ key, kind, field, expected, actual })),
  );
  if (lines.length === 0) return `${head}\nEvery row is the fold of its events.`;
  return `${head}\n${tableOf(lines, [
    { name: 'ROW', of: ({ key }) => key },
    { name: 'IS', of: ({ kind }) => kind },
    { name: 'FIELD', of: ({ field }) => field },
    { name: 'LOG', of: ({ expected }) => expected },
    { name: 'TABLE', of: ({ actual }) => actual },
  ])}`;
}
