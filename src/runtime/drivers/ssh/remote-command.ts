import { randomBytes } from 'node:crypto';
import { pipeline } from 'node:stream';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import { DRIVER_REASONS, type DriverReason } from '../../../domain/driver-contract/driver-names.js';
import type { ExecuteRequest } from '../../../domain/driver-contract/runtime-driver.js';
import { ended, flow, type RemoteExit } from './channel-end.js';
import { afterMark, answerOf, endOfSaid, type Marked } from './marked-output.js';
import { headerOf } from './command-header.js';
import { EXECUTE } from './remote-scripts.js';
import { commandLine, type HostProgram } from './shell-words.js';
import type { SshConnection } from './ssh-connection.js';

/** The host ends a command by itself this long after its time limit, if the service has not ended it. */
const HOST_GRACE_SECONDS = 10;

/** Runs one of our scripts and gives what it prints. @throws DriverError connection_lost; driver_failed */
export async function runScript(
  connection: SshConnection,
  { name, text }: HostProgram,
  args: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const mark = newMark();
  // What a shell's start files print comes before the mark.
  const line = commandLine({ name, text: `printf '%s\\n' '${mark}'\n${text}` }, args);
  const { channel, exited, output, said } = await connection.exec(line, signal, (channel) => {
    const exited = ended(channel, signal);
    exited.catch(() => undefined);
    channel.end();
    const output = afterMark(channel, mark, (line) => line === '');
    return { channel, exited, output, said: endOfSaid(channel.stderr) };
  });
  try {
    const marked = await Promise.race([output, exited.then(() => output)]);
    const answer = marked.found ? await answerOf(channel, marked.rest) : '';
    const exit = await exited;
    if (exit.code === null) throw lost('the connection was lost before the host answered', true);
    if (!marked.found) throw noShell(exit.code, [marked.said, said()]);
    if (exit.code === 0) return answer.trimEnd();
    throw new DriverError(
      'transient',
      'driver_failed',
      `The host answered with ${exit.code}: ${lastLine(said())}`,
      true,
    );
  } catch (error) {
    // Our scripts are short: a host that has not answered one in its time is not given the next on the same connection.
    connection.doubtful ||= signal.aborted;
    channel.destroy();
    throw error;
  }
}

/** The reason and the text of an answer `failed=<reason> <text>`; null for another answer. */
export function failureIn(answer: string): { reasonCode: DriverReason; text: string } | null {
  const [, reason, text = ''] = /^failed=(\w+) (.*)$/s.exec(answer) ?? [];
  if (reason === undefined) return null;
  const reasonCode = DRIVER_REASONS.find((known) => known === reason) ?? 'driver_failed';
  return { reasonCode, text };
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
  const line = commandLine(EXECUTE, words, header.start);
  const { channel, exited, output, answer } = await connection.exec(line, signal, (channel) => {
    // Settled before anything is read: a refusal may come and the channel be gone in the same moment.
    const exited = ended(channel, signal);
    const output = afterMark(channel, mark, (line) => line === '');
    for (const promise of [exited, output]) promise.catch(() => undefined);
    return { channel, exited, output, answer: afterMark(channel.stderr, mark, isAnswer) };
  });
  try {
    channel.write(header.text);
    const begun = await Promise.race([answer, exited.then(() => answer)]);
    if (!begun.found) {
      // A stream that nobody reads does not end, and its channel does not either.
      channel.resume();
      throw notBegun(await exited, [await output, begun]);
    }
    const failure = failureIn(begun.line);
    if (failure) throw new DriverError('permanent', failure.reasonCode, failure.text, false);
    if (stdin) pipeline(stdin, channel, () => undefined);
    else channel.end();
    const first = await output;
    const rest = first.found ? first.rest : Buffer.alloc(0);
    const flows = [flow(channel, rest, stdout), flow(channel.stderr, begun.rest, stderr)];
    const exit = await exited;
    await Promise.all(flows);
    if (exit.code === null && exit.signal === null) throw lost('the connection was lost while it ran', true);
    return exit;
  } catch (error) {
    channel.destroy();
    throw error;
  }
}

function isAnswer(line: string): boolean {
  return line === 'started' || failureIn(line) !== null;
}

/** Why a host has not said its mark. */
function notBegun({ code }: RemoteExit, said: readonly Marked[]): DriverError {
  if (code === null) return lost('the connection was lost before the command started', true);
  return noShell(
    code,
    said.map((one) => (one.found ? '' : one.said)),
  );
}

/** The account's own shell has run nothing of ours: asking again is of no use, unless the host was short of something just then. */
function noShell(code: number, said: readonly string[]): DriverError {
  const words = said.map(lastLine).filter((line) => line !== '');
  const isShort = words.some((line) => /fork|temporarily unavailable|allocate memory/i.test(line));
  const why = words.length === 0 ? 'it said nothing' : words.join('; ');
  const message = `The account's login shell does not run commands. It exited with ${code}: ${why}`;
  return new DriverError(isShort ? 'transient' : 'permanent', 'driver_failed', message, false);
}

function lastLine(said: string): string {
  return said.trim().split('\n').at(-1)?.trim() ?? '';
}

function newMark(): string {
  return `leasehold-${randomBytes(12).toString('hex')}:`;
}

function lost(why: string, inDoubt: boolean): DriverError {
  return new DriverError('transient', 'connection_lost', `The host was lost: ${why}.`, inDoubt);
}
