/** Documented in docs/reference/cli.md; the last is what a shell says of a program that wrote to a pipe without a reader. */
export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3, readerGone: 141 } as const;

/** What ends a command with this code; its message is all that people are told. */
export class CliError extends Error {
  constructor(
    readonly exitCode: (typeof EXIT)[keyof typeof EXIT],
    message: string,
  ) {
    super(message);
  }
}
