import { existsSync } from 'node:fs';

const SETPRIV = '/usr/bin/setpriv';

/** For a process that was killed before the kernel was told: its program has another parent by then, and ends itself. */
const IF_STILL_OURS = '[ "$PPID" = "$1" ] || exit; shift; exec "$@"';

/**
 * How to start a program that is not to outlive this process: on Linux the kernel ends it, even where this process was
 * killed with SIGKILL and could end nothing. Elsewhere only `stop` does.
 * @param owner the process that will start it
 */
export function endsWithUs(
  file: string,
  args: readonly string[],
  owner = String(process.pid),
): [file: string, args: string[]] {
  if (!existsSync(SETPRIV)) return [file, [...args]];
  return [SETPRIV, ['--pdeathsig', 'KILL', '--', 'sh', '-c', IF_STILL_OURS, 'sh', owner, file, ...args]];
}
