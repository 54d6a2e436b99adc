import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ServiceProcess } from './service.js';

/** What a service that was started with `COUNTED` holds, after a collection. */
export interface Alive {
  readonly bytes: number;
  readonly objects: Readonly<Record<'emitters' | 'targets' | 'controllers' | 'timers', number>>;
  /** What keeps the process going, by type. */
  readonly resources: readonly string[];
}

/** The setting with which a service can be asked. */
export const COUNTED = { NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, 'alive.mjs')).href}` };

export async function aliveIn(service: ServiceProcess): Promise<Alive> {
  const told = service.output.length;
  process.kill(service.pid, 'SIGUSR2');
  for (;;) {
    const line = /^Alive: (.*)\n/m.exec(service.output.slice(told));
    if (line?.[1] !== undefined) return JSON.parse(line[1]) as Alive;
    if (!service.alive) throw new Error(`The service has ended:\n${service.output}`);
    await pause(20);
  }
}

/** What there is more of than before, beyond what may be: nothing of what comes and goes by itself. */
export function moreThan(before: Alive, now: Alive, bytes: number, objects: number): Record<string, number> {
  const grown = Object.entries(now.objects).map(([kind, count]): [string, number] => [
    kind,
    count - before.objects[kind as keyof Alive['objects']],
  ]);
  const kept = grown.filter(([, count]) => count > objects);
  if (now.bytes - before.bytes > bytes) kept.push(['bytes', now.bytes - before.bytes]);
  return Object.fromEntries(kept);
}
