import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

let given = 0;
/** Seconds to sleep by which a test knows its own processes. */
export function unusedSeconds(): string {
  given += 1;
  return `3${String(process.pid)}${String(given).padStart(3, '0')}`;
}

/** The processes that sleep for so long, all there are or of these. In /proc: it costs no process for each look. */
export async function sleeping(seconds: string, pids?: readonly string[]): Promise<string[]> {
  const asked = pids ?? (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(asked.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return asked.filter((_pid, index) => commands[index] === `sleep\0${seconds}\0`);
}

export async function begun(seconds: string): Promise<void> {
  while ((await sleeping(seconds)).length === 0) await pause(20);
}

export async function gone(seconds: string): Promise<void> {
  for (let left = await sleeping(seconds); left.length > 0; left = await sleeping(seconds, left)) await pause(20);
}
