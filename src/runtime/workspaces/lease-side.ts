import { PassThrough, Readable, Writable } from 'node:stream';
import { DriverError } from '../../domain/driver-contract/driver-error.js';
import type { ExecuteRequest, ExecutionResult } from '../../domain/driver-contract/runtime-driver.js';
import { LeaseholdError } from '../../errors/catalogue.js';
import { FirstFailure } from './flow.js';
import { EXITS } from './remote-scripts.js';

/** `RuntimeDriver.execute`, bound to a lease. All that happens on the lease's side happens through it. */
export type Execute = (request: Omit<ExecuteRequest, 'lease'>) => Promise<ExecutionResult>;

const ERROR_BYTES = 8_192;

/** Runs scripts where the lease is. */
export class LeaseSide {
  /** @param timeoutMs of each script */
  constructor(
    private readonly execute: Execute,
    private readonly timeoutMs: number,
  ) {}

  /** What a script prints, at most `limit` bytes of it. @throws DriverError, LeaseholdError as {@link failureOf} says */
  text(
    script: string,
    args: readonly string[],
    { limit = 64 * 1024, cwd = null }: { limit?: number; cwd?: string | null } = {},
  ): Promise<string> {
    return this.receive(script, args, null, (output) => textOf(output, limit), { cwd, bytes: false });
  }

  /**
   * Runs a caller's own command, by the shell. What it prints is nobody's: it may hold anything.
   * @throws DriverError
   */
  async command(command: string, cwd: string): Promise<void> {
    const { timeoutMs } = this;
    const signal = new AbortController().signal;
    const streams = { stdin: null, stdout: nowhere(), stderr: nowhere() };
    const { exitCode, timedOut } = await this.execute({
      ...{ command: 'sh', args: ['-c', command], cwd, env: {}, timeoutMs, signal },
      ...streams,
    });
    if (timedOut) throw new DriverError('permanent', 'budget_exceeded', 'The command took too long.', true);
    if (exitCode === 0) return;
    const end = exitCode === null ? 'was stopped by a signal' : `ended with ${exitCode}`;
    throw new DriverError('permanent', 'driver_failed', `The command ${end}.`, true);
  }

  /** Runs a script for what it does. */
  async runScript(script: string, args: readonly string[], input: string | Buffer = ''): Promise<void> {
    const stdin = input.length === 0 ? null : Readable.from([Buffer.from(input)]);
    await this.receive(script, args, stdin, (output) => textOf(output, 0), { bytes: false });
  }

  /** Gives what a script prints to `consume`, which reads it to its end; what that throws ends the script. */
  async receive<Result>(
    script: string,
    args: readonly string[],
    input: Readable | null,
    consume: (output: Readable) => Promise<Result>,
    { cwd = null, bytes = true }: { cwd?: string | null; bytes?: boolean } = {},
  ): Promise<Result> {
    const over = new AbortController();
    const output = new PassThrough();
    output.on('error', () => undefined);
    const failure = new FirstFailure();
    const consumed = consume(output).catch((error: unknown) => {
      failure.note(error);
      over.abort(error);
      output.destroy();
      return null;
    });
    try {
      await this.script(script, args, input, output, over.signal, { cwd, bytes });
      output.end();
    } catch (error) {
      failure.note(error);
      output.destroy(new Error('It broke off.'));
    }
    const result = await consumed;
    failure.throwIfAny();
    return result as Result;
  }

  /** Gives a script what `produce` writes; whichever of the two fails first ends the other and is thrown. */
  async send(script: string, args: readonly string[], produce: (input: Writable) => Promise<void>): Promise<void> {
    const over = new AbortController();
    const input = new PassThrough();
    input.on('error', () => undefined);
    const failure = new FirstFailure();
    let done = false;
    const produced = produce(input).then(
      () => input.end(),
      (error: unknown) => {
        // What comes after the script has taken all that it wants is no failure.
        if (done) return;
        failure.note(error);
        over.abort(error);
        input.destroy();
      },
    );
    try {
      await this.script(script, args, input, nowhere(), over.signal, { cwd: null, bytes: false });
      done = true;
    } catch (error) {
      failure.note(error);
    }
    input.destroy();
    await produced;
    failure.throwIfAny();
  }

  private async script(
    script: string,
    args: readonly string[],
    stdin: Readable | null,
    stdout: Writable,
    signal: AbortSignal,
    how: { readonly cwd: string | null; readonly bytes: boolean },
  ): Promise<void> {
    let said = Buffer.alloc(0);
    const stderr = new Writable({
      write(chunk: Buffer, _encoding, done) {
        said = Buffer.concat([said, chunk]).subarray(-ERROR_BYTES);
        done();
      },
    });
    const { timeoutMs } = this;
    const words = ['-c', script, 'leasehold', ...args];
    const streams = { stdin, stdout, stderr };
    const request = { command: 'sh', args: words, env: { LC_ALL: 'C' }, ...streams, timeoutMs, signal, ...how };
    const result = await this.execute(request);
    if (result.exitCode !== 0) throw failureOf(result, said.toString('utf8').trim());
  }
}

/** A script that did not do what it was to do, as drivers name it, or as a refusal of the caller's. */
function failureOf({ exitCode, signal, timedOut }: ExecutionResult, said: string): Error {
  const last = said.split('\n').at(-1) ?? '';
  if (timedOut)
    return new DriverError('transient', 'budget_exceeded', 'A step on the lease’s side took too long.', true);
  if (exitCode === EXITS.notEmpty) {
    return new LeaseholdError('workspace_not_empty', 'The workspace contains files that this lease did not put there.');
  }
  if (exitCode === EXITS.inUse) {
    return new LeaseholdError('workspace_in_use', 'Other active leases use the folder, so its files stay.');
  }
  if (exitCode === EXITS.noManifest) {
    return new LeaseholdError('workspace_changed', 'The record of the sync in is missing.');
  }
  if (exitCode === EXITS.toolMissing) return new DriverError('config', 'tool_missing', last, false);
  if (/: not found|command not found/.test(said)) return new DriverError('config', 'tool_missing', last, true);
  if (/No space left|quota exceeded/i.test(said)) return new DriverError('permanent', 'disk_full', last, true);
  if (/Permission denied|Read-only file system|Operation not permitted/i.test(said)) {
    return new DriverError('config', 'workspace_not_writable', last, true);
  }
  const end = exitCode === null ? `was stopped by ${signal ?? 'an unknown signal'}` : `ended with ${exitCode}`;
  return new DriverError('permanent', 'driver_failed', `A step on the lease’s side ${end}: ${last}`, true);
}

async function textOf(output: Readable, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let left = limit;
  for await (const chunk of output as AsyncIterable<Buffer>) {
    const part = chunk.subarray(0, left);
    // A copy: a part of a chunk would keep the whole of it.
    if (part.length > 0) chunks.push(Buffer.from(part));
    left -= part.length;
  }
  return Buffer.concat(chunks).toString('utf8');
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
