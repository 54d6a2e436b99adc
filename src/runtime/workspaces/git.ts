import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DriverError } from '../../domain/driver-contract/driver-error.js';
import { storageFull } from './storage-problem.js';

/** Git did not do what it was asked for. */
export class GitError extends Error {
  override readonly name = 'GitError';
}

export interface GitCall {
  /** Besides what every call gets. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What it reads, in bytes as {@link gitBytes} gives them. */
  readonly input?: string;
}

/** What a repository holds may be anything that git waits for. */
const TIMEOUT_MS = 15 * 60_000;
const NO_GIT = 'There is no git on the service’s machine.';
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

/** What no repository can change, whatever its own configuration says. */
const SETTINGS: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.untrackedCache', 'false'],
  ['core.attributesFile', '/dev/null'],
  ['core.excludesFile', '/dev/null'],
  ['core.commitGraph', 'false'],
  ['core.splitIndex', 'false'],
  ['core.quotePath', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['submodule.recurse', 'false'],
  ['transfer.fsckObjects', 'true'],
  ['safe.directory', '*'],
];

/**
 * Git on the service's machine. What it works on is not trusted: it gets no configuration of a user's or of the machine's, runs no
 * hook, asks nobody, and reads from nothing but files.
 */
const ENV: Readonly<Record<string, string>> = {
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_NO_LAZY_FETCH: '1',
  GIT_ALLOW_PROTOCOL: 'file',
  GIT_PAGER: 'cat',
  GIT_CONFIG_COUNT: String(SETTINGS.length),
  ...Object.fromEntries(
    SETTINGS.flatMap(([key, value], index) => [
      [`GIT_CONFIG_KEY_${index}`, key],
      [`GIT_CONFIG_VALUE_${index}`, value],
    ]),
  ),
};

/** What a git command prints. @throws GitError */
export async function git(args: readonly string[], call: GitCall = {}): Promise<string> {
  return (await outputOf(args, call)).toString('utf8');
}

/** The same, a character for each byte: names in a repository need not be UTF-8. @throws GitError */
export async function gitBytes(args: readonly string[], call: GitCall = {}): Promise<string> {
  return (await outputOf(args, call)).toString('latin1');
}

async function outputOf(args: readonly string[], call: GitCall): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  await run(args, call, async (output) => {
    for await (const chunk of output as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_OUTPUT_BYTES) throw new GitError(`git ${args[0] ?? ''} printed too much.`);
      chunks.push(chunk);
    }
  });
  return Buffer.concat(chunks);
}

/** As `input`, of what may be any text. */
export function inputText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The same where the answer may be no. */
export async function gitOrNull(args: readonly string[], call: GitCall = {}): Promise<string | null> {
  try {
    return (await git(args, call)).trim();
  } catch (error) {
    if (error instanceof GitError) return null;
    throw error;
  }
}

/** Lets a git command print onto a stream, which is not ended. @throws GitError, and what closes the stream */
export async function gitTo(target: Writable, args: readonly string[], call: GitCall = {}): Promise<void> {
  await run(args, call, (output) => pipeline(output, target, { end: false }));
}

async function run(
  args: readonly string[],
  { env, cwd, input }: GitCall,
  read: (output: Readable) => Promise<void>,
): Promise<void> {
  const child = spawn('git', args, {
    env: { PATH: process.env['PATH'] ?? '', ...ENV, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    // In a group of its own: Ctrl-C in a terminal is for the service, which ends what it has started in its own time.
    detached: true,
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    ...(cwd !== undefined && { cwd }),
  });
  // What ends before it has read all says why itself.
  child.stdin.on('error', () => undefined).end(input ?? '', 'latin1');
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_000)));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', () => reject(new DriverError('config', 'tool_missing', NO_GIT, false)));
    child.once('close', resolve);
  });
  ended.catch(() => undefined);
  try {
    await read(child.stdout);
  } catch (error) {
    child.kill('SIGKILL');
    await ended.catch(() => undefined);
    throw error;
  }
  if ((await ended) === 0) return;
  // Else a history that there is no room for would be mistaken for one that is not sound.
  if (/No space left on device|Disk quota exceeded/.test(said)) throw storageFull();
  // Without where ours is, which is nobody's business.
  const why = said
    .replaceAll(`${env?.['GIT_DIR'] ?? NO_GIT}/`, '')
    .replaceAll('theirs.objects', 'objects')
    .trim();
  throw new GitError(`git ${args.find((word) => !word.startsWith('-')) ?? ''}: ${why}`);
}
