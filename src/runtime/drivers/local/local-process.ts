import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pipeline } from 'node:stream';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import { lingerAfterExit } from '../linger.js';
import type { ExecuteRequest, ExecutionResult } from '../../../domain/driver-contract/runtime-driver.js';
import type { OrphanWatch } from './orphan-watch.js';

const GRACE_MS = 1_000;

/**
 * Runs a program on this machine, in a process group of its own, which is ended with it by its time or its caller, and by
 * the watch when this process is gone.
 */
export async function runLocally(request: ExecuteRequest, watch: OrphanWatch): Promise<ExecutionResult> {
  const { command, args, cwd, env, stdin, stdout, stderr, timeoutMs, signal } = request;
  const { PATH = '/usr/bin:/bin', HOME = '/', LANG = 'C.UTF-8' } = process.env;
  const child = spawn(command, args, {
    env: { PATH, HOME, LANG, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    ...(cwd !== null && { cwd }),
  });
  if (child.pid !== undefined) watch.begun(child.pid);
  const ending = { timedOut: false };
  let hardly: NodeJS.Timeout | undefined;
  const kill = (name: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // The whole group is gone.
    }
  };
  const end = (): void => {
    kill('SIGTERM');
    hardly ??= setTimeout(() => kill('SIGKILL'), GRACE_MS);
  };
  const timer = setTimeout(() => {
    ending.timedOut = true;
    end();
  }, timeoutMs);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  child.stdout.pipe(stdout, { end: false });
  child.stderr.pipe(stderr, { end: false });
  if (stdin) pipeline(stdin, child.stdin, () => undefined);
  else child.stdin.end();
  child.stdin.on('error', () => undefined);
  let stopLingering = (): void => undefined;
  child.once('exit', () => {
    const { stdout: out, stderr: err } = child;
    stopLingering = lingerAfterExit([out, err], () => [out, err].forEach((stream) => stream.destroy()));
  });
  try {
    const [code, by] = (await once(child, 'close')) as [number | null, string | null];
    signal.throwIfAborted();
    return { exitCode: code, signal: by, ...ending };
  } catch (error) {
    if (signal.aborted || (error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new DriverError('config', 'driver_failed', `${command} cannot be run: ${(error as Error).message}`, false);
  } finally {
    clearTimeout(timer);
    stopLingering();
    signal.removeEventListener('abort', end);
    // The program has ended; a child of it that did not heed SIGTERM has not.
    if (ending.timedOut || signal.aborted) kill('SIGKILL');
    clearTimeout(hardly);
    if (child.pid !== undefined) watch.ended(child.pid);
  }
}
