import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

/**
 * All that a worker gets of the service's own environment, for its own tools and its way out to its provider. Documented
 * in docs/guides/plugins.md.
 */
const INHERITED = [
  ...['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'],
  ...['NODE_EXTRA_CA_CERTS', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'],
];

export type NodeProcess = ChildProcessByStdio<Writable, Readable, Readable>;

/** Starts Node in a process group of its own, in a package's folder. */
export function startNode(args: readonly string[], folder: string): NodeProcess {
  const env = Object.fromEntries(
    INHERITED.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  ) as NodeJS.ProcessEnv;
  return spawn(process.execPath, args, { cwd: folder, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Ends it and what it has started, unless that has left its process group. */
export function endGroup({ pid }: NodeProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // All of them are gone.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
