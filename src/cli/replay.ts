import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { EventCatalogue } from '../event-sourcing/event-log/index.js';
import { BundleError, readBundle, replay } from '../audit/history/replay.js';
import { timelineChanges, type Step } from '../audit/history/timeline.js';
import { CliError, EXIT } from './exit.js';
import { print } from './output.js';
import type { Parts } from './parts.js';
import { shownAsEscapes } from './visible.js';

export function addReplay(program: Command, { definitions }: Parts): void {
  program
    .command('replay')
    .description('Replay a bundle step by step, without a service or a database')
    .argument('<bundle>', 'file from GET /api/environment-leases/:leaseId/bundle')
    .option('--json', 'print JSON, one line per event; the last line has the result')
    .action(async (file: string, { json = false }: { readonly json?: boolean }) => {
      const text = await readFile(file, 'utf8').catch(() => {
        throw new CliError(EXIT.usage, `${file} cannot be read.`);
      });
      try {
        const bundle = readBundle(text);
        const { steps, lease, environment, differences } = replay(bundle, new EventCatalogue(definitions));
        for (const step of steps) print(json ? JSON.stringify(lineOf(step)) : textOf(shownAsEscapes(step)));
        const isSame = differences.length === 0;
        const verdict = isSame ? 'the service’s state' : 'NOT the service’s state';
        if (json) print(JSON.stringify({ lease, environment, isSame, differences }));
        else print(`\n${steps.length} events replayed; the last state is ${verdict} at position ${bundle.position}.`);
        if (isSame) return;
        throw new CliError(EXIT.failed, differences.map((one) => `${one.field}: ${JSON.stringify(one)}`).join('\n'));
      } catch (error) {
        if (error instanceof BundleError) throw new CliError(EXIT.usage, error.message);
        throw error;
      }
    });
}

function lineOf({ event, sentence, before, after }: Step<object>): object {
  const { position, stream, version, type, recordedAt, actor } = event;
  const changes = timelineChanges(before, after);
  return { position, stream, version, type, recordedAt, actor, sentence, changes, state: after };
}

function textOf({ event, sentence, before, after }: Step<object>): string {
  const changes = timelineChanges(before, after).map(
    ({ field, from, to }) => `          ${field}: ${JSON.stringify(from)} -> ${JSON.stringify(to)}`,
  );
  const { position, recordedAt, stream, actor, type } = event;
  return [
    `${String(position).padStart(8)}  ${recordedAt}  ${stream}  ${actor}`,
    `          ${type}: ${sentence}`,
    ...changes,
  ].join('\n');
}
