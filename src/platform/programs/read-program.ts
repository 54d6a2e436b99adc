import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A line that is nothing but a comment; a shell and Perl skip it, and a host need not get it. */
const COMMENT = /^[ \t]*#.*\n/gm;
/** How a file says that another one belongs in its place: as sh would source it. */
const SOURCED = /^\. (\S+)\n/gm;

/**
 * A program in another language, which lies beside the code that sends it: whole, with the files that it sources, without
 * comments. The build puts what this returns into the bundle, so both arguments are written out:
 * `readProgram(import.meta.dirname, 'acquire.sh')`.
 */
export function readProgram(folder: string, file: string): string {
  const path = join(folder, file);
  return readFileSync(path, 'utf8')
    .replace(COMMENT, '')
    .replace(SOURCED, (_line, sourced: string) => readProgram(dirname(path), sourced));
}
