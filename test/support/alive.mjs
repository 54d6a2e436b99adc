// Loaded before a program (`node --import`): at SIGUSR2 it writes what is alive in it after a collection, as a line of JSON.
import { EventEmitter } from 'node:events';
import v8 from 'node:v8';
import vm from 'node:vm';

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');
const timer = setTimeout(() => undefined, 0);
clearTimeout(timer);
const KINDS = { emitters: EventEmitter, targets: EventTarget, controllers: AbortController, timers: timer.constructor };

process.on('SIGUSR2', () => {
  collect();
  const objects = Object.entries(KINDS).map(([name, kind]) => [name, v8.queryObjects(kind, { format: 'count' })]);
  const { heapUsed, external } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo();
  const alive = { bytes: heapUsed + external, objects: Object.fromEntries(objects), resources };
  process.stdout.write(`Alive: ${JSON.stringify(alive)}\n`);
});
