import { once } from 'node:events';
import { pipeline } from 'node:stream';
import type { DriverError } from '../../../../domain/driver-contract/driver-error.js';
import type { ExecutionResult } from '../../../../domain/driver-contract/runtime-driver.js';
import { guessedSignal, OF_THIS_MACHINE } from '../../signal-name.js';
import type { BubblewrapConfig } from './bubblewrap-config.js';
import { CommandOutput } from './command-output.js';
import { LimitWatch } from './limit-watch.js';
import { endSandbox, type RunningSandbox } from './running-sandbox.js';
import type { SandboxCommand } from './sandbox-command.js';

/** A shell's read takes no more of its input than the line. Without one, nobody is there any more who wants the command. */
const WHEN_TOLD = 'read -r told && [ "$told" = go ] || exit 126';
export const TOLD = 'go\n';

/** Does nothing, when told. */
export const TRIAL = ['/bin/sh', '-c', WHEN_TOLD];

/** The words that run a command in its folder, when told. */
export function freshCommand({ cwd, argv }: SandboxCommand): string[] {
  return ['/bin/sh', '-c', `${WHEN_TOLD}; cd -- "$1" || exit 126; shift; exec "$@"`, 'sh', cwd, ...argv];
}

/**
 * Follows the one command that a sandbox was made for. What is left of it at its end goes with the sandbox.
 * Of one that a signal has ended bwrap says 128 and the signal's number.
 * @throws DriverError limit_exceeded; what the signal was aborted with
 */
export async function followFresh(
  sandbox: RunningSandbox,
  files: string,
  config: BubblewrapConfig,
  { stdin, stdout, stderr, timeoutMs, signal }: SandboxCommand,
): Promise<ExecutionResult> {
  const { child, init } = sandbox;
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  const ending: { timedOut: boolean; why: DriverError | null } = { timedOut: false, why: null };
  const end = (): void => void endSandbox(sandbox);
  const tooMuch = (error: DriverError): void => {
    ending.why = error;
    end();
  };
  const timer = setTimeout(() => {
    ending.timedOut = true;
    end();
  }, timeoutMs);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  const watch = new LimitWatch(init, files, config, tooMuch);
  const sources = [child.stdout, child.stderr] as const;
  const taken = (stream: 0 | 1): void => void sources[stream].resume();
  const output = new CommandOutput([stdout, stderr], config.outputBytes, taken, tooMuch);
  for (const stream of [0, 1] as const) {
    sources[stream].on('data', (data: Buffer) => {
      sources[stream].pause();
      output.write(stream, data);
    });
  }
  await watch.start();
  child.stdin.write(TOLD);
  if (stdin) pipeline(stdin, child.stdin, () => undefined);
  else child.stdin.end();
  try {
    const [code, by] = await closed;
    signal.throwIfAborted();
    const { timedOut, why } = ending;
    if (why) throw why;
    if (timedOut) return { exitCode: null, signal: 'SIGKILL', timedOut };
    return { exitCode: code, signal: code === null ? by : guessedSignal(code, OF_THIS_MACHINE), timedOut };
  } finally {
    clearTimeout(timer);
    watch.stop();
    signal.removeEventListener('abort', end);
    stdin?.destroy();
    await endSandbox(sandbox);
  }
}
