import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, stat } from 'node:fs/promises';
import { ConfigError } from '../config/config.js';

const CLOSE_ON_EXEC = 0o2_000_000;
const FIRST_OF_ITS_OWN = 3;

/**
 * To be called before anything else. Descriptors that whoever started this process has left open would be open in everything that it starts,
 * sandboxes, plugins and commands among them; and what it makes nobody else may change, whatever umask it was started with.
 */
export function startClean(): void {
  const given = process.umask(0o077);
  process.umask(given | 0o022);
  if (process.platform !== 'linux') return;
  for (const descriptor of readdirSync('/proc/self/fd').map(Number)) {
    if (descriptor >= FIRST_OF_ITS_OWN && isPassedOn(descriptor)) closeSync(descriptor);
  }
}

/** The data folder: nobody else may change what is in it, and only root's may be passed through, by its Postgres, which is another user. */
export async function keepPrivate(dataDir: string): Promise<void> {
  const uid = process.geteuid?.();
  await mkdir(dataDir, { recursive: true, mode: uid === 0 ? 0o711 : 0o700 }).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && ['EEXIST', 'ENOTDIR'].includes(String(error.code)))) throw error;
    throw new ConfigError(`LEASEHOLD_DATA_DIR (${dataDir}) is not a folder: set it to one.`);
  });
  const found = await stat(dataDir);
  if (found.uid === uid && (found.mode & 0o022) !== 0) await chmod(dataDir, found.mode & 0o7755);
}

/** Node's own are all closed in what it starts. */
function isPassedOn(descriptor: number): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch {
    // That was the one by which the folder was read.
    return false;
  }
}
