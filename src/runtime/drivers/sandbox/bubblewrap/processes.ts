import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

/** A process of this machine; the time it was started at tells it from another one that got its number later. */
export interface ProcessId {
  readonly pid: number;
  readonly startedAt: string;
}

const LOOK_EVERY_MS = 2;

/** Null when it is gone: a zombie has let go of all it had, and of all the processes of its namespace. */
export async function processOf(pid: number): Promise<ProcessId | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startedAt = fields[18];
  return startedAt === undefined || state === 'Z' || state === 'X' ? null : { pid, startedAt };
}

/** Ends a process, and where it is the first of its namespace all the others in there; resolves when they are gone. */
export async function endProcess({ pid, startedAt }: ProcessId): Promise<void> {
  for (;;) {
    const found = await processOf(pid);
    if (found?.startedAt !== startedAt) return;
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    await pause(LOOK_EVERY_MS);
  }
}
