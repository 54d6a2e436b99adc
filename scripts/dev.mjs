import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root, setUpOrExit } from './setup.mjs';

await setUpOrExit();

// Compiles what changes and starts the service (nest-cli.json's entryFile) again. In a process group of its own, because
// nest does not end the service when it is ended itself: a signal goes to the whole group.
const group = process.platform !== 'win32';
const nest = spawn(
  process.execPath,
  [join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js'), 'start', '--watch', '--preserveWatchOutput'],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], detached: group },
);
const send = (signal) => {
  try {
    return process.kill(group ? -nest.pid : nest.pid, signal);
  } catch {
    return false;
  }
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => send(signal));

const code = await new Promise((resolve) => nest.once('exit', (status) => resolve(status ?? 0)));
// However nest ended, the service goes with it, and in its own time.
send('SIGTERM');
while (send(0)) await sleep(50);
process.exit(code);
