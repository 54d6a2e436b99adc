import { open, type FileHandle } from 'node:fs/promises';
import type { Queryable } from '../../event-sourcing/event-log/index.js';
import { sealsAfter } from './seal-table.js';
import { parseSeal, sealHash, type Seal } from './seal.js';
import { CannotSealError } from './sealing.js';

const SEALS_AT_ONCE = 500;
/** More than two lines have: the last whole line is within. */
const TAIL_BYTES = 4_096;
const OWNER_ONLY = 0o600;

/** Where the file ends: after its last whole line. */
interface End {
  readonly offset: number;
  readonly last: Seal | null;
}

/**
 * Seals as NDJSON in a file outside of the database, so that who rewrites the database does not rewrite them too. What a
 * line says and where it begins follow from the seals alone: a crash leaves at most a part of a line, which is written
 * over; and processes that write at once write the same bytes at the same places.
 */
export class SealsFile {
  constructor(readonly path: string) {}

  /** Writes the seals that are missing, and syncs. @throws CannotSealError when they do not follow those in the file */
  async catchUp(on: Queryable): Promise<void> {
    const file = await openOrMake(this.path);
    try {
      let end = await endOf(file, this.path);
      for (;;) {
        const seals = await sealsAfter(on, end.last?.number ?? 0, SEALS_AT_ONCE);
        if (seals.length === 0) return;
        end = await this.write(file, end, seals);
      }
    } finally {
      await file.close();
    }
  }

  private async write(file: FileHandle, { offset, last }: End, seals: readonly Seal[]): Promise<End> {
    let before = last;
    for (const seal of seals) {
      if (seal.number !== (before?.number ?? 0) + 1 || (before && seal.previousSealHash !== sealHash(before))) {
        throw new CannotSealError(
          `Seal ${seal.number} does not follow the last one in ${this.path}: the seals were rewritten. Verify the log.`,
        );
      }
      before = seal;
    }
    const bytes = Buffer.from(seals.map((seal) => `${JSON.stringify(seal)}\n`).join(''));
    for (let done = 0; done < bytes.length;) {
      done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
    }
    await file.sync();
    return { offset: offset + bytes.length, last: before };
  }
}

/** Not opened to append: then the place of a line could not be said. */
async function openOrMake(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch {
    // Of two who make it at once, one finds it made.
    const made = await open(path, 'a', OWNER_ONLY);
    await made.close();
    return open(path, 'r+');
  }
}

async function endOf(file: FileHandle, path: string): Promise<End> {
  const { size } = await file.stat();
  const from = Math.max(0, size - TAIL_BYTES);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
  const tail = buffer.subarray(0, bytesRead);
  const end = tail.lastIndexOf('\n') + 1;
  if (end === 0) {
    if (from === 0) return { offset: 0, last: null };
    throw new CannotSealError(`${path} is not a file of seals.`);
  }
  const start = tail.lastIndexOf('\n', end - 2) + 1;
  try {
    return { offset: from + end, last: parseSeal(JSON.parse(tail.toString('utf8', start, end))) };
  } catch {
    throw new CannotSealError(`${path} is not a file of seals.`);
  }
}
