/** A word as sh reads it: everything in it is itself. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A script with its arguments, as one command for the account's own shell, whichever that is. */
export function scriptCommand(script: string, args: readonly string[]): string {
  return `exec sh -c ${[script, 'leasehold', ...args].map(quote).join(' ')}`;
}
