import { quote, type Start } from './shell-words.js';

/** A command in the form that EXECUTE reads: see there. */
export interface CommandHeader {
  readonly text: string;
  /** In bytes; 0 where a shell can read it by itself. */
  readonly length: number;
  readonly start: Start;
}

/** A shell reads a line byte by byte, and some change bytes beyond ASCII: longer and other ones are read by a program. */
const PLAIN_LINE = /^[ -~]{1,4000}\n$/;

/** Variables that shells read, set or refuse by themselves, so that none of them can pass them on as they are. None is a secret. */
const OF_SHELLS =
  /^(_|PATH|PWD|OLDPWD|SHLVL|IFS|PPID|OPT(ARG|IND|ERR)|LINENO|S?RANDOM|SECONDS|EPOCH\w+|E?[UG]ID|GROUPS|SHELLOPTS|BASH(OPTS|PID|_(VERSINFO|ALIASES|ARG[CV]|CMDS|COMMAND|ENV|REMATCH|SOURCE|SUBSHELL|LINENO|VERSION))?|POSIXLY_CORRECT|FUNCNAME|DIRSTACK|HIST\w*|TMOUT|COLUMNS|LINES|LANG|LC_\w+|status|argv)$/;

/**
 * Sets the folder, the values that a shell is to export (GIVEN) and the words of the command. Every user of a host sees command lines:
 * values go through one only where no shell could pass them on. Without values `env -i` drops all that was not named; with them
 * the shell that exports them has been started without the rest.
 */
export function headerOf(cwd: string, env: Readonly<Record<string, string>>, argv: readonly string[]): CommandHeader {
  const exported = Object.entries(env).filter(([name]) => !OF_SHELLS.test(name));
  const named = Object.entries(env).filter(([name]) => OF_SHELLS.test(name));
  const start = exported.length > 0 ? 'clean' : 'asIs';
  const given = exported.map(([name, value]) => `export ${name}=${quote(value)}`).join('; ');
  // env takes words with a = for variables, so such a program is started by a shell, which does not.
  const program = argv[0]?.includes('=') ? ['sh', '-c', 'exec "$@"', 'sh', ...argv] : argv;
  const rest = start === 'clean' ? '' : '-i PATH="$PATH" HOME="${HOME:-/}" LANG="${LANG:-C.UTF-8}"';
  const words = [...named.map(([name, value]) => `${name}=${value}`), ...program].map(quote);
  const text = [
    `cd -- ${quote(cwd)} || fail driver_failed ${quote(`There is no folder ${cwd}.`)}`,
    `GIVEN=${quote(given)}`,
    `set -- env $SIGNALS ${rest} ${words.join(' ')}\n`,
  ].join('; ');
  return { text, length: PLAIN_LINE.test(text) ? 0 : Buffer.byteLength(text), start };
}
