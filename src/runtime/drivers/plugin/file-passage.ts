import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { newId } from '../../../event-sourcing/ids/new-id.js';
import type { ExecuteRequest, ExecutionResult } from '../../../domain/driver-contract/runtime-driver.js';
import { readProgram } from '../../../platform/programs/read-program.js';

/** Bytes of input that still go with the command itself. */
const WITH_THE_COMMAND = 1024 * 1024;
const CLEARING_MS = 10_000;

const BY_FILES = readProgram(import.meta.dirname, 'by-files.sh');

/** What a worker does that moves files by itself. */
export interface FileVerbs {
  execute(request: ExecuteRequest): Promise<ExecutionResult>;
  /** Copies a file of this machine into the sandbox. */
  bring(localPath: string, remotePath: string): Promise<void>;
  /** Copies a file of the sandbox to this machine. */
  fetch(remotePath: string, localPath: string): Promise<void>;
}

/**
 * Runs a command whose bytes the worker moves as files: much input, and output whose bytes count. Of those it has no
 * limit, where a message has one.
 * @param spool the folder of this machine that they are in meanwhile; what a killed process leaves there goes at the next start
 * @param home the sandbox's folder; the files are in its `.leasehold`, which is no part of a workspace
 */
export async function executeByFiles(
  request: ExecuteRequest,
  spool: string,
  home: string,
  verbs: FileVerbs,
): Promise<ExecutionResult> {
  const { bytes = false, signal } = request;
  const { stdin, isLong } = await measured(request.stdin);
  if (!bytes && !isLong) return verbs.execute({ ...request, stdin });
  await mkdir(spool, { recursive: true, mode: 0o700 });
  const local = await mkdtemp(join(spool, 'passage-'));
  const remote = `${home}/.leasehold/passage-${newId()}`;
  const [input, output] = [isLong ? `${remote}.in` : '', bytes ? `${remote}.out` : ''];
  const file = join(local, 'file');
  try {
    if (stdin && isLong) {
      await pipeline(stdin, createWriteStream(file, { mode: 0o600 }), { signal });
      await silently(request, verbs, ['mkdir', '-p', '--', `${home}/.leasehold`], signal);
      await verbs.bring(file, input);
    }
    const result = await verbs.execute({
      ...request,
      command: 'sh',
      args: ['-c', BY_FILES, 'sh', input, output, request.command, ...request.args],
      stdin: isLong ? null : stdin,
      bytes: false,
    });
    if (bytes) await fetched(output, file, request, result, verbs);
    return result;
  } finally {
    await rm(local, { recursive: true, force: true });
    const clear = ['rm', '-f', '--', `${remote}.in`, `${remote}.out`];
    // What cannot be cleared now goes with the sandbox.
    await silently(request, verbs, clear, AbortSignal.timeout(CLEARING_MS)).catch(() => undefined);
  }
}

/** A command that has failed may not have come to make its file. */
async function fetched(
  output: string,
  file: string,
  { stdout, signal }: ExecuteRequest,
  { exitCode }: ExecutionResult,
  verbs: FileVerbs,
): Promise<void> {
  try {
    await verbs.fetch(output, file);
  } catch (error) {
    if (exitCode === 0) throw error;
    return;
  }
  await pipeline(createReadStream(file), stdout, { end: false, signal });
}

/** Reads on until it is clear whether the input is long; gives all of it again. */
async function measured(stdin: Readable | null): Promise<{ stdin: Readable | null; isLong: boolean }> {
  if (stdin === null) return { stdin, isLong: false };
  const rest = (stdin as AsyncIterable<Buffer | string>)[Symbol.asyncIterator]();
  const begin: Buffer[] = [];
  for (let length = 0; length <= WITH_THE_COMMAND; length += begin.at(-1)?.length ?? 0) {
    const next = await rest.next();
    if (next.done === true) return { stdin: Readable.from(begin), isLong: false };
    begin.push(Buffer.from(next.value));
  }
  const all = async function* (): AsyncGenerator<Buffer> {
    yield* begin;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield Buffer.from(next.value);
  };
  return { stdin: Readable.from(all()), isLong: true };
}

async function silently(
  request: ExecuteRequest,
  verbs: FileVerbs,
  [command = '', ...args]: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const nowhere = (): PassThrough => new PassThrough().resume();
  const streams = { stdin: null, stdout: nowhere(), stderr: nowhere() };
  await verbs.execute({ ...request, command, args, cwd: null, env: {}, ...streams, bytes: false, signal });
}
