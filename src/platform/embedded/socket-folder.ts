import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lchown, lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedPostgresError, USE_YOUR_OWN, codeOf } from './errors.js';
import type { Identity } from './run-as.js';

/** Part of the socket's file name only: nothing listens on TCP. */
export const PORT = 5432;
export const SOCKET_FILE = `.s.PGSQL.${String(PORT)}`;

/** The kernel holds a socket's path in 108 bytes (104 on macOS). */
const MAX_PATH_BYTES = 100;

/**
 * Where the socket is. Every process has to come to the same answer, whatever its TMPDIR: hence a fixed /tmp where
 * the data folder's own path is too long.
 */
export function socketFolder(clusterDir: string): string {
  const inside = join(clusterDir, 'run');
  if (Buffer.byteLength(join(inside, SOCKET_FILE)) < MAX_PATH_BYTES) return inside;
  const hash = createHash('sha256').update(clusterDir).digest('hex').slice(0, 16);
  return `/tmp/leasehold-${hash}`;
}

/** Makes the folder, and refuses one in /tmp that somebody else has put there. */
export async function prepareSocketFolder(folder: string, identity: Identity): Promise<void> {
  const found = await madeOrFound(folder);
  const mine = found.uid === identity.uid || found.uid === process.geteuid?.();
  if (!found.isDirectory() || !mine || (found.mode & 0o077) !== 0) {
    throw new EmbeddedPostgresError(
      `${folder}, for the embedded Postgres's socket, is not a folder that only uid ${String(identity.uid)} can use: ` +
        `remove it, choose a shorter LEASEHOLD_DATA_DIR, or ${USE_YOUR_OWN}`,
    );
  }
  if (found.uid !== identity.uid && identity.kind === 'user') await lchown(folder, identity.uid, identity.gid);
}

/** The last process to leave removes the folder, perhaps between the two steps: then it is made after all. */
async function madeOrFound(folder: string): Promise<Stats> {
  for (;;) {
    try {
      await mkdir(folder, { mode: 0o700 });
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    try {
      return await lstat(folder);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
}
