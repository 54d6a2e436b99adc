import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';

const IN_MEMORY = '/dev/shm';
const ON_DISK = '/tmp';
/** A run has at most 0.3 GB in it at a time; its processes need the rest. */
const ROOM_BYTES = 4 * 2 ** 30;

/**
 * Where tests put what they make. In memory where this machine has room for it: a run makes and removes 100,000 files, and
 * ext4 looks through those that were removed a moment ago for each new one.
 */
export function temporaryFolder() {
  if (process.env.TMPDIR !== undefined || !takesPrograms(IN_MEMORY)) return tmpdir();
  const { bavail, bsize } = statfsSync(IN_MEMORY);
  return Math.min(bavail * bsize, freemem()) >= ROOM_BYTES ? IN_MEMORY : tmpdir();
}

/** Where runs may have left something, this one's place among them. */
export function temporaryFolders() {
  return [...new Set([tmpdir(), IN_MEMORY, ON_DISK])].filter((folder) => existsSync(folder));
}

/** Tests run scripts that they have written. */
function takesPrograms(folder) {
  if (process.platform !== 'linux') return false;
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const [, , type, options = ''] = mounts.map((line) => line.split(' ')).find(([, at]) => at === folder) ?? [];
  return type === 'tmpfs' && !options.split(',').some((option) => ['noexec', 'ro'].includes(option));
}
