import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { DriverError } from '../../../../domain/driver-contract/driver-error.js';
import { failureText } from '../../../../domain/driver-contract/failure-text.js';
import { endProcess, processOf, type ProcessId } from './processes.js';
import { systemCallFilter } from './system-calls.js';
import type { SandboxTools } from './sandbox-tools.js';
import { readProgram } from '../../../../platform/programs/read-program.js';

/** Where root's sandboxes find their folders: bound there in a mount namespace of their own. */
const ROOTS_PLACE = '/tmp';

const AS_ROOT = readProgram(import.meta.dirname, 'as-root.sh');

/** Standard input, output and errors; then the arguments of bwrap, which nobody sees there; what it tells; its filter. */
const STDIO = Array.from({ length: 6 }, () => 'pipe' as const);
const [ARGUMENTS_FD, INFO_FD, FILTER_FD] = [3, 4, 5];
const FILTER = systemCallFilter(process.arch);

/** A bwrap that runs. */
export interface RunningSandbox {
  readonly child: ChildProcess & { readonly stdin: Writable; readonly stdout: Readable; readonly stderr: Readable };
  /** The first process in it, as this machine counts: with it all others in it end. */
  readonly init: ProcessId;
  /** That one, and bwrap outside. */
  readonly processes: readonly ProcessId[];
}

export interface SandboxPlace {
  /** The folder that the arguments name by {@link placeOf}. */
  readonly files: string;
  /** Where root makes it: as whom. */
  readonly uid: number;
}

/** Where the folder `files` is for bwrap. */
export function placeOf(files: string, { asRoot }: SandboxTools): string {
  return asRoot ? ROOTS_PLACE : files;
}

/**
 * Starts bwrap. It dies with this process; a command that is not to begin without it waits for its input.
 * @param mark see {@link markOf}
 * @throws DriverError isolation_unavailable, tool_missing
 */
export async function startSandbox(
  tools: SandboxTools,
  mark: string,
  { files, uid }: SandboxPlace,
  args: readonly string[],
  command: readonly string[],
): Promise<RunningSandbox> {
  const { bwrap, asRoot } = tools;
  const words = [bwrap, ...mainArguments(mark), '--', ...command];
  const [file = '', ...rest] = asRoot
    ? [
        asRoot.unshare,
        '--mount',
        '--propagation',
        'private',
        '--',
        asRoot.sh,
        '-c',
        AS_ROOT,
        'sh',
        files,
        String(uid),
        ...words,
      ]
    : words;
  // Nothing of the service's environment: what the first process was given can be read inside. In a group of its own, as
  // Ctrl-C in a terminal is for the service, whose commands may go on for a while.
  const child = spawn(file, rest, { env: {}, stdio: STDIO, detached: true }) as unknown as RunningSandbox['child'];
  const [given, told] = [child.stdio[ARGUMENTS_FD] as Writable, child.stdio[INFO_FD] as Readable];
  // A stream that breaks off ends with its process, which is what counts.
  for (const stream of child.stdio) stream?.on('error', () => undefined);
  // Node would throw away what nobody reads by the time it ends.
  const keep = (): void => undefined;
  child.stderr.on('readable', keep);
  const all = FILTER === null ? args : ['--seccomp', String(FILTER_FD), ...args];
  given.end(all.map((word) => `${word}\0`).join(''));
  (child.stdio[FILTER_FD] as Writable).end(FILTER);
  const failed = new Promise<string>((resolve) => child.once('error', () => resolve('')));
  const info = await Promise.race([text(told).catch(() => ''), failed]);
  const pid = Number(/"child-pid": (\d+)/.exec(info)?.[1] ?? Number.NaN);
  const [init, outer] = await Promise.all([pid, child.pid ?? Number.NaN].map(processOf));
  if (init && outer) {
    child.stderr.off('readable', keep);
    return { child, init, processes: [init, outer] };
  }
  child.kill('SIGKILL');
  const said = await text(child.stderr).catch(() => '');

  throw unavailable(said.trim().split('\n').at(-1) ?? '');
}

/** Tells the sandboxes of one data folder from others: it is a host name inside, and a word of bwrap's command line. */
export function markOf(dataDir: string): string {
  return `leasehold-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}`;
}

function mainArguments(mark: string): string[] {
  return ['--hostname', mark, '--args', String(ARGUMENTS_FD), '--info-fd', String(INFO_FD)];
}

/**
 * Ends what nobody else does: a bwrap that is killed with its service in the moment before it lets the sandbox's first process go on
 * leaves that one waiting for ever. One that has no bwrap for its parent is such a one.
 */
export async function endOrphans(mark: string): Promise<void> {
  const isOurs = async (pid: number): Promise<boolean> => {
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return words.includes(`\0${mainArguments(mark).join('\0')}\0`);
  };
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)) {
    if (!(await isOurs(pid))) continue;
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const isFirst = /^NSpid:.*\t1$/m.test(status);
    const parent = Number(/^PPid:\t(\d+)$/m.exec(status)?.[1] ?? Number.NaN);
    const orphan = isFirst && !(await isOurs(parent)) ? await processOf(pid) : null;
    if (orphan) await endProcess(orphan);
  }
}

/** Ends it and all in it; resolves when they are gone. */
export async function endSandbox({ processes }: RunningSandbox): Promise<void> {
  for (const one of processes) await endProcess(one);
}

/** What bwrap says when it cannot, and what can be done about it. */
export function unavailable(said: string): DriverError {
  const why = failureText(said === '' ? 'bwrap ended without a message' : said);
  if (/unknown option/i.test(said)) {
    const message = `bwrap is too old here (${why}): version 0.8 or a newer one is needed.`;
    return new DriverError('config', 'tool_missing', message, false);
  }
  const message =
    `bwrap cannot isolate anything here (${why}). It needs user namespaces: see the settings user.max_user_namespaces, ` +
    'kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns of sysctl; in a container, its seccomp profile.';
  return new DriverError('config', 'isolation_unavailable', message, false);
}
