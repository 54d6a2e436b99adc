import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/**
 * Runs Node to its end and takes over its exit code. Ctrl-C reaches the child by itself; a signal sent to this process
 * alone is passed on.
 */
export async function runNode(args, { cwd, env = process.env }) {
  const child = spawn(process.execPath, args, { cwd, env, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  const [code, signal] = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (...outcome) => resolve(outcome));
  });
  process.exit(code ?? 128 + constants.signals[signal]);
}
