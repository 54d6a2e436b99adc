import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import type { FeedPageAnswer } from '../audit/feed/http/feed-queries.js';
import type { FeedEvent } from '../audit/feed/event-frames.js';
import { count, position, uuid } from './arguments.js';
import { withClient, type Client } from './client.js';
import { print, show, tableOf, tell } from './output.js';
import { CliError, EXIT } from './exit.js';
import type { Parts } from './parts.js';
import { shownAsEscapes } from './visible.js';

interface Options {
  readonly company: string;
  readonly after?: number;
  readonly type?: readonly string[];
  readonly environment?: string;
  readonly lease?: string;
  readonly run?: string;
  readonly json?: boolean;
}

const AGAIN_MS = 1_000;
/** Of connections that fail one after another: a restart takes seconds. */
const TRIES = 60;

export function addEvents(program: Command, parts: Parts): void {
  const events = program.command('events').description('Events of the log.');

  filtered(events.command('list').description('List the events of a company, oldest first'))
    .option('--limit <count>', 'maximum number', count, 100)
    .action(async ({ limit, json = false, ...options }: Options & { readonly limit: number }, command: Command) => {
      const page = await withClient(command, parts, (client) =>
        client.get<FeedPageAnswer>(`/api/companies/${options.company}/events`, { ...queryOf(options), limit }),
      );
      show(page, json, ({ items }) =>
        tableOf(items, [
          { name: 'POSITION', of: ({ position }) => position },
          { name: 'RECORDED', of: ({ recordedAt }) => recordedAt },
          { name: 'TYPE', of: ({ type }) => type },
          { name: 'STREAM', of: ({ stream }) => stream },
          { name: 'ACTOR', of: ({ actor }) => actor },
        ]),
      );
    });

  filtered(events.command('tail').description('Follow the events of a company until Ctrl-C'))
    .option('--limit <count>', 'stop after this many events', count)
    .action(async ({ limit, json = false, ...options }: Options & { readonly limit?: number }, command: Command) => {
      await withClient(command, parts, async (client) => {
        let left = limit ?? Infinity;
        for await (const text of eventsOf(client, options)) {
          print(json ? text : lineOf(shownAsEscapes(JSON.parse(text) as FeedEvent)));
          if ((left -= 1) <= 0) return;
        }
      });
    });
}

/** The service ends a stream when it stops, or when its reader is behind: it goes on from the last position that was told. */
async function* eventsOf(client: Client, options: Options): AsyncGenerator<string> {
  const path = `/api/companies/${options.company}/events/stream`;
  let { after } = options;
  let wasOpen = false;
  for (let tries = 0; ; tries += 1) {
    let id: number | undefined;
    let data: string | undefined;
    try {
      for await (const line of client.lines(path, { ...queryOf(options), after })) {
        [wasOpen, tries] = [true, 0];
        if (line.startsWith('id: ')) id = Number(line.slice('id: '.length));
        if (line.startsWith('data: ')) data = line.slice('data: '.length);
        // Only whole ones count: what was cut off comes again.
        if (line !== '') continue;
        if (data !== undefined) yield data;
        after = id ?? after;
        [id, data] = [undefined, undefined];
      }
    } catch (error) {
      const isPassing = error instanceof CliError && error.exitCode === EXIT.failed;
      if (!wasOpen || !isPassing || tries >= TRIES) throw error;
    }
    if (after === undefined) {
      throw new CliError(EXIT.failed, 'The stream ended before it sent a position: events may be missing.');
    }
    if (tries === 0) tell(`The stream ended; continuing after position ${after}.`);
    await pause(AGAIN_MS);
  }
}

function filtered(command: Command): Command {
  return command
    .requiredOption('--company <uuid>', 'whose', uuid)
    .option('--after <position>', 'only events after this log position', position)
    .option('--type <type...>', 'only these')
    .option('--environment <uuid>', 'only of this environment and its leases', uuid)
    .option('--lease <uuid>', 'only of this lease', uuid)
    .option('--run <uuid>', 'only of the leases of this run', uuid)
    .option('--json', 'print JSON');
}

function queryOf({ after, type, environment, lease, run }: Options) {
  return { after, type, environmentId: environment, leaseId: lease, runId: run };
}

function lineOf({ position, recordedAt, type, stream, actor }: FeedEvent): string {
  return `${String(position).padStart(8)}  ${recordedAt}  ${type}  ${stream}  ${actor}`;
}
