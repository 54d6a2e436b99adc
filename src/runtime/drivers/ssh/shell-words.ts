/** A word as sh reads it: everything in it is itself. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** How the program's own shell begins: in the account's environment, or with nothing of it but PATH, HOME and LANG. */
const STARTS = {
  asIs: 'eval "$(printf %b "$1")"',
  clean: 'exec env -i "PATH=$PATH" "HOME=${HOME:-/}" "LANG=${LANG:-C.UTF-8}" sh -c "$(printf %b "$1")"',
};
export type Start = keyof typeof STARTS;

/**
 * A script with its arguments, as one line for the account's own shell. Whichever that is (bash, fish, csh, …), it reads the line
 * alike: plain characters in single quotes, without a quote, a line break, `!` or a backslash before another. `sh` does the rest.
 */
export function commandLine(script: string, args: readonly string[], start: Start = 'asIs'): string {
  const program = ['set --', ...args.map(quote)].join(' ') + `\n${script}`;
  return `exec sh -c '${STARTS[start]}' leasehold '${inPlainCharacters(program)}'`;
}

/** As `printf %b` reads it. */
function inPlainCharacters(text: string): string {
  const octal = (byte: number): string => `\\0${byte.toString(8).padStart(3, '0')}`;
  return text.replace(/[^ -~]|['!\\]/gu, (character) =>
    character === '\n' ? '\\n' : Array.from(Buffer.from(character), octal).join(''),
  );
}
