import { createHash } from 'node:crypto';
import { mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Numbers that no account has: systemd's list of ranges leaves them free. The first is nobody's for long, and was everybody's once. */
const [FIRST, COUNT] = [60_601, 583];
export const SHARED_UID = 60_600;

export function isSandboxUser(uid: number): boolean {
  return uid >= SHARED_UID && uid < FIRST + COUNT;
}

/**
 * A user for each of root's sandboxes: what the kernel counts by user (inotify, pipes, locked memory, keys) one of them cannot use up for all.
 * Who has which is a symlink, `<uid>` to the sandbox's name, which is made as a whole or not at all.
 */
export class SandboxUsers {
  constructor(private readonly folder: string) {}

  /** Where all are taken, sandboxes share one again. */
  async take(name: string): Promise<number> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    // Services with other data folders on this machine are not likely to begin at the same one.
    const start = createHash('sha256').update(name).digest().readUInt32BE(0);
    for (let tried = 0; tried < COUNT; tried += 1) {
      const uid = FIRST + ((start + tried) % COUNT);
      if (await this.isTaken(uid, name)) return uid;
    }
    return SHARED_UID;
  }

  /** Gives all of a sandbox's back, also those of a making that was cut off. */
  async giveBack(name: string): Promise<void> {
    for (const uid of await readdir(this.folder).catch(() => [])) {
      const path = join(this.folder, uid);
      if ((await readlink(path).catch(() => null)) === name) await rm(path, { force: true });
    }
  }

  private async isTaken(uid: number, name: string): Promise<boolean> {
    const path = join(this.folder, String(uid));
    return symlink(name, path).then(
      () => true,
      async (error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        return (await readlink(path).catch(() => null)) === name;
      },
    );
  }
}
