import { readFileSync, statfsSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';

const IN_MEMORY = '/dev/shm';
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

/** Tests run scripts that they have written. */
function takesPrograms(folder) {
  const mount = process.platform === 'linux' && mounts().find(([, at]) => at === folder);
  return (
    Boolean(mount) && mount[2] === 'tmpfs' && !mount[3].split(',').some((option) => ['noexec', 'ro'].includes(option))
  );
}

function mounts() {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
}
