import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Postgres needs a segment of its log, and room to work, before it answers. */
const LEAST_BYTES = 64 * 1024 ** 2;

/** A line for people where a disk is as good as full, which Postgres's own last words seldom say; else nothing. */
export async function diskNote(folder: string): Promise<string> {
  const disk = await statfs(folder).catch(() => statfs(dirname(folder)).catch(() => null));
  if (disk === null) return '';
  const free = disk.bavail * disk.bsize;
  if (free >= LEAST_BYTES) return '';
  return `The disk of ${folder} is full (${Math.floor(free / 1024 ** 2)} MB free): make room on it first.\n`;
}
