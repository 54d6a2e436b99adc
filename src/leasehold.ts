import { inspect } from 'node:util';
import { CommanderError } from 'commander';
import { CliError, EXIT } from './cli/exit.js';
import { tell } from './cli/output.js';
import { programOf } from './cli/program.js';
import { LeaseholdError } from './errors/catalogue.js';
import { EVENT_DEFINITIONS } from './app/event-definitions.js';
import { startClean } from './platform/process/process-start.js';
import { startFailureOf } from './platform/process/start-failure.js';

startClean();
const program = programOf({
  definitions: EVENT_DEFINITIONS,
  // Loaded by those that need it: it takes longer than most commands.
  serve: async (config, mode) => (await import('./app/serve-command.js')).serveCommand(config, mode),
});

// Whoever reads may have gone, or the disk be full: without a listener that would be a stack trace.
process.stderr.on('error', () => undefined);
process.stdout.on('error', (error: Error) => {
  if (isBrokenPipe(error)) process.exit(EXIT.readerGone);
  tell(`The output could not be written: ${error.message}`);
  process.exit(EXIT.failed);
});

try {
  await program.parseAsync();
  process.exitCode = EXIT.done;
} catch (error) {
  process.exitCode = codeOf(error);
  if (!(error instanceof CommanderError) && !isBrokenPipe(error)) {
    const isOurs = error instanceof CliError || error instanceof LeaseholdError;
    tell(isOurs ? error.message : (startFailureOf(error) ?? inspect(error)));
  }
}
// What has been written is to reach a pipe whole; what a command has left open is not to keep it. What
// could not be written is told after the call, in another turn.
process.stdout.write('', () => setImmediate(() => process.exit()));

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

function codeOf(error: unknown): number {
  if (isBrokenPipe(error)) return EXIT.readerGone;
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  return error instanceof LeaseholdError ? EXIT.refused : EXIT.failed;
}
