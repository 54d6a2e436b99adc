/** A word as sh reads it: everything in it is itself. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A program for hosts. A list of a host's processes shows its name. */
export interface HostProgram {
  readonly name: string;
  readonly text: string;
}

/** How a shell reads the program: from a variable, because everybody on a host sees command lines. */
const READ = 'eval "$(printf %b "$LEASEHOLD")"';

/** How the program's own shell begins: in the account's environment, or with nothing of it but PATH, HOME and LANG. */
const STARTS = {
  asIs: (name: string): string => `'${READ}' ${name}`,
  clean: (name: string): string =>
    `'exec env -i "PATH=$PATH" "HOME=\${HOME:-/}" "LANG=\${LANG:-C.UTF-8}" "LEASEHOLD=$LEASEHOLD" sh -c "$1" "$0"' ${name} '${READ}'`,
};
export type Start = keyof typeof STARTS;

/**
 * A program with its arguments, as one line for the account's own shell. Whichever that is (bash, fish, csh, …), it reads the line
 * alike: plain characters in single quotes, without a quote, a line break, `!` or a backslash before another. `sh` does the rest.
 */
export function commandLine({ name, text }: HostProgram, args: readonly string[], start: Start = 'asIs'): string {
  const program = ['unset LEASEHOLD', ['set --', ...args.map(quote)].join(' '), text].join('\n');
  return `exec env LEASEHOLD='${inPlainCharacters(program)}' sh -c ${STARTS[start](`leasehold-${name}`)}`;
}

/** As `printf %b` reads it. */
function inPlainCharacters(text: string): string {
  const octal = (byte: number): string => `\\0${byte.toString(8).padStart(3, '0')}`;
  return text.replace(/[^ -~]|['!\\]/gu, (character) =>
    character === '\n' ? '\\n' : Array.from(Buffer.from(character), octal).join(''),
  );
}
