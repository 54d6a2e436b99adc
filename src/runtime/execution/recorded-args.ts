import { createHash } from 'node:crypto';

/** Characters of a command's arguments that its event has at most, of all of them together. */
const MAX_RECORDED = 8 * 1024;

export interface RecordedArgs {
  readonly args: string[];
  /** Null where all of them is recorded. */
  readonly argsCut: { readonly bytes: number; readonly sha256: string } | null;
}

/**
 * The arguments as the log keeps them: every one, where they are long only its beginning. An event stays for good and is
 * read often, and a command may have a megabyte of arguments.
 */
export function recordedArgs(all: readonly string[]): RecordedArgs {
  const share = shareOf(all.map(({ length }) => length));
  const args = all.map((arg) => (arg.length <= share ? arg : arg.slice(0, share).replace(HALF_A_CHARACTER, '')));
  const bytes = bytesOf(all) - bytesOf(args);
  if (bytes === 0) return { args, argsCut: null };
  const hash = createHash('sha256');
  for (const arg of all) hash.update(arg).update('\0');
  return { args, argsCut: { bytes, sha256: hash.digest('hex') } };
}

/** The first of the two code units of a character whose second one was cut off: Postgres takes no such text. */
const HALF_A_CHARACTER = /[\uD800-\uDBFF]$/;

/** How much each argument may have: what short ones leave is for the long ones. */
function shareOf(lengths: readonly number[]): number {
  let left = MAX_RECORDED;
  const ascending = [...lengths].sort((one, other) => one - other);
  for (const [place, length] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - place));
    if (length > share) return share;
    left -= length;
  }
  return MAX_RECORDED;
}

function bytesOf(args: readonly string[]): number {
  return args.reduce((sum, arg) => sum + Buffer.byteLength(arg), 0);
}
