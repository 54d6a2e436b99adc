import { existsSync } from 'node:fs';

const SETPRIV = '/usr/bin/setpriv';

/**
 * How to start a program that is not to outlive this process: on Linux the kernel ends it, even where this process was
 * killed with SIGKILL and could end nothing. Elsewhere only `stop` does.
 */
export function endsWithUs(file: string, args: readonly string[]): [file: string, args: string[]] {
  return existsSync(SETPRIV) ? [SETPRIV, ['--pdeathsig', 'KILL', '--', file, ...args]] : [file, [...args]];
}
