import { randomBytes } from 'node:crypto';
import { pipeline, type Readable, type Writable } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { DriverError } from '../driver-error.js';
import { DRIVER_REASONS, type DriverReason } from '../driver-names.js';
import type { ExecuteRequest } from '../runtime-driver.js';
import { EXECUTE } from './remote-execute.js';
import { quote, scriptCommand } from './shell-words.js';
import type { SshConnection } from './ssh-connection.js';

const MAX_ANSWER = 64 * 1024;
/** Children that a command has left behind keep its output open; they are not waited for once nothing comes any more. */
const QUIET_MS = 500;
/** The host ends a command by itself this long after its time, should nobody tell it to. */
const HOST_GRACE_SECONDS = 10;

/** Runs one of our scripts and gives what it prints. @throws DriverError connection_lost; driver_failed */
export async function runScript(
  connection: SshConnection,
  script: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const mark = newMark();
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  const keep = (chunks: Buffer[]) => (chunk: Buffer) => {
    if (chunks.reduce((sum, { length }) => sum + length, 0) < MAX_ANSWER) chunks.push(chunk);
  };
  // What a shell's start files print comes before the mark.
  const command = scriptCommand(`printf '%s\\n' '${mark}'\n${script}`, args);
  const { exited } = await connection.exec(command, (channel) => {
    channel.on('data', keep(output));
    channel.stderr.on('data', keep(errors));
    return { exited: ended(channel, signal) };
  });
  const exit = await exited.catch((error: unknown) => {
    // Our scripts are short: a host that has not answered one in its time is not given the next on the same connection.
    connection.doubtful = true;
    throw error;
  });
  const text = Buffer.concat(output).toString('utf8');
  const start = text.indexOf(`${mark}\n`);
  if (exit.code !== 0 || start === -1) {
    const said = Buffer.concat(errors).toString('utf8').trim().split('\n').at(-1) ?? '';
    if (exit.code === null) throw lost('the connection broke off before the host had answered', true);
    throw new DriverError('transient', 'driver_failed', `The host answered with ${exit.code}: ${said}`, true);
  }
  return text.slice(start + mark.length + 1).trimEnd();
}

/** The reason and the text of an answer `failed=<reason> <text>`; null for another answer. */
export function failureIn(answer: string): { reasonCode: DriverReason; text: string } | null {
  const [, reason, text = ''] = /^failed=(\w+) (.*)$/s.exec(answer) ?? [];
  if (reason === undefined) return null;
  const reasonCode = DRIVER_REASONS.find((known) => known === reason) ?? 'driver_failed';
  return { reasonCode, text };
}

export interface RemoteExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/**
 * Runs a command in a lease's workspace, with its streams.
 * @param place where the lease is on the host
 * @throws DriverError stale_fence, connection_lost
 */
export async function runCommand(
  connection: SshConnection,
  executionId: string,
  place: { readonly workspace: string; readonly cwd: string },
  { lease, command, args, env, stdin, stdout, stderr, timeoutMs }: ExecuteRequest,
  signal: AbortSignal,
): Promise<RemoteExit> {
  const mark = newMark();
  const header = headerOf(place.cwd, env, [command, ...args]);
  const seconds = Math.ceil(timeoutMs / 1_000) + HOST_GRACE_SECONDS;
  const words = [place.workspace, lease.leaseId, executionId, lease.fence, seconds, header.length, mark].map(String);
  const opened = await connection.exec(scriptCommand(EXECUTE, words), (channel) => {
    // Settled before anything is read: a refusal may come and the channel be gone in the same moment.
    const exit = ended(channel, signal);
    exit.catch(() => undefined);
    return { channel, exit, outputBegins: begin(channel, mark), answer: begin(channel.stderr, mark) };
  });
  const { channel, exit, outputBegins, answer } = opened;
  channel.write(header.text);
  const refused = await Promise.race([answer, exit.then(() => answer)]);
  const failure = failureIn(refused?.line ?? '');
  if (failure) {
    // Of a stream that nobody reads any more, no quiet would ever be noticed.
    channel.stderr.resume();
    channel.end();
    throw new DriverError('permanent', failure.reasonCode, failure.text, false);
  }
  if (refused === null) {
    await exit;
    throw lost('the connection broke off before the command had begun', true);
  }
  if (stdin) pipeline(stdin, channel, () => undefined);
  else channel.end();
  const output = await outputBegins;
  const flows = [flow(channel, output?.rest ?? null, stdout), flow(channel.stderr, refused.rest, stderr)];
  const result = await exit;
  await Promise.all(flows);
  if (result.code === null && result.signal === null) throw lost('the connection broke off while it ran', true);
  return result;
}

/** A shell reads a line byte by byte, and some change bytes beyond ASCII: longer and other ones are read by a program. */
const PLAIN_LINE = /^[ -~]{1,4000}\n$/;

/**
 * Sets what the command is to be; `env -i` keeps all from it that was not named. Its length in bytes is 0 where a shell can
 * read it by itself.
 */
function headerOf(
  cwd: string,
  env: Readonly<Record<string, string>>,
  argv: readonly string[],
): { text: string; length: number } {
  const given = Object.entries(env).map(([name, value]) => quote(`${name}=${value}`));
  // env takes words with a = for variables, so such a program is started by a shell, which does not.
  const program = argv[0]?.includes('=') ? ['sh', '-c', 'exec "$@"', 'sh', ...argv] : argv;
  const text = [
    `cd -- ${quote(cwd)} || fail driver_failed ${quote(`There is no folder ${cwd}.`)}`,
    `set -- env $SIGNALS -i PATH="$PATH" HOME="\${HOME:-/}" LANG="\${LANG:-C.UTF-8}" ${[...given, ...program.map(quote)].join(' ')}\n`,
  ].join('; ');
  return { text, length: PLAIN_LINE.test(text) ? 0 : Buffer.byteLength(text) };
}

/** The line that begins with the mark, and what came after it in the same chunk; null when there is none. */
function begin(stream: Readable, mark: string): Promise<{ line: string; rest: Buffer } | null> {
  return new Promise((resolve) => {
    let read = Buffer.alloc(0);
    const settle = (result: { line: string; rest: Buffer } | null): void => {
      stream.off('data', onData).off('end', onEnd).off('close', onEnd);
      stream.pause();
      resolve(result);
    };
    const onEnd = (): void => settle(null);
    const onData = (chunk: Buffer): void => {
      read = Buffer.concat([read, chunk]);
      const at = read.indexOf(mark);
      const end = at === -1 ? -1 : read.indexOf('\n', at);
      if (end !== -1) {
        settle({ line: read.subarray(at + mark.length, end).toString('utf8'), rest: read.subarray(end + 1) });
      } else if (at === -1 && read.length > MAX_ANSWER) read = read.subarray(-mark.length);
    };
    stream.on('data', onData).on('end', onEnd).on('close', onEnd);
  });
}

/** Hands the rest of a stream on, as fast as it is taken. Resolves when it has ended, or nothing comes after the exit. */
function flow(source: Readable, first: Buffer | null, target: Writable): Promise<void> {
  if (first && first.length > 0) target.write(first);
  return new Promise((resolve) => {
    const channel = source as Readable & { exited?: boolean };
    const resume = (): void => void source.resume();
    target.on('drain', resume).on('close', resume);
    source.on('data', (chunk: Buffer) => {
      if (!target.destroyed && !target.write(chunk)) source.pause();
    });
    for (const event of ['end', 'close', 'error']) channel.once(event, () => resolve());
    source.resume();
  });
}

/** How a channel's process ended, once its output has been read; a code of null without a signal: the connection broke off. */
function ended(channel: ClientChannel, signal: AbortSignal): Promise<RemoteExit> {
  return new Promise((resolve, reject) => {
    let exit: RemoteExit = { code: null, signal: null };
    let quiet: NodeJS.Timeout | undefined;
    const hush = (): void => {
      if (signal.aborted || (exit.code === null && exit.signal === null)) return;
      clearTimeout(quiet);
      quiet = setTimeout(() => {
        // Nothing comes while whoever takes the output is behind: that is no quiet of the host's.
        if (channel.isPaused() || channel.stderr.isPaused()) hush();
        else channel.destroy();
      }, QUIET_MS);
    };
    const onAbort = (): void => {
      clearTimeout(quiet);
      channel.destroy();
      reject(signal.reason as Error);
    };
    channel.on('exit', (code: number | null, name?: string) => {
      exit = { code, signal: name === undefined ? null : `SIG${name}` };
      hush();
    });
    channel.on('data', hush);
    channel.stderr.on('data', hush);
    channel.on('close', () => {
      clearTimeout(quiet);
      signal.removeEventListener('abort', onAbort);
      resolve(exit);
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

function newMark(): string {
  return `leasehold-${randomBytes(12).toString('hex')}:`;
}

function lost(why: string, inDoubt: boolean): DriverError {
  return new DriverError('transient', 'connection_lost', `The host was lost: ${why}.`, inDoubt);
}
