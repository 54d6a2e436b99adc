import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import { afterEach, expect, test } from '@jest/globals';
import type { BubblewrapConfig } from '../../../../src/runtime/drivers/sandbox/bubblewrap/bubblewrap-config.js';
import { validateBubblewrapConfig } from '../../../../src/runtime/drivers/sandbox/bubblewrap/bubblewrap-config.js';
import { HeldSandbox } from '../../../../src/runtime/drivers/sandbox/bubblewrap/held-sandbox.js';
import { processOf } from '../../../../src/runtime/drivers/sandbox/bubblewrap/processes.js';
import type { RunningSandbox } from '../../../../src/runtime/drivers/sandbox/bubblewrap/running-sandbox.js';
import type { SandboxCommand } from '../../../../src/runtime/drivers/sandbox/bubblewrap/sandbox-command.js';
import { NEVER } from './sandbox-under-test.js';

const MIB = 1024 ** 2;
const SAID = `sub say_frame { my ($type, $id, $data) = @_; syswrite STDOUT, pack("CNN", ord $type, $id, length $data) . $data }`;

const started: RunningSandbox[] = [];
afterEach(() => started.splice(0).forEach(({ child }) => child.kill('SIGKILL')));

/** A sandbox whose supervisor is a program of somebody else's: what a command makes of it that has got hold of its streams. */
async function held(program: string): Promise<HeldSandbox> {
  const child = spawn('perl', [
    '-e',
    `${SAID} say_frame("H", 0, ""); sysread STDIN, my $start, 9; ${program}`,
  ]) as unknown as RunningSandbox['child'];
  for (const stream of child.stdio) stream?.on('error', () => undefined);
  await once(child, 'spawn');
  const init = (await processOf(child.pid ?? 0))!;
  const sandbox = { child, init, processes: [init] };
  started.push(sandbox);
  // Of this machine’s own processes and files, which is what its watch sees here, there may be as many as there are.
  const verdict = validateBubblewrapConfig({ provider: 'bubblewrap', memoryMb: MIB, diskMb: MIB });
  if (verdict.kind === 'invalid') throw new Error(JSON.stringify(verdict.errors));
  const config = verdict.config as unknown as BubblewrapConfig;
  return new HeldSandbox(
    sandbox,
    '/proc/self',
    config,
    () => undefined,
    () => undefined,
  );
}

function command(change: Partial<SandboxCommand> = {}): SandboxCommand {
  const [stdout, stderr] = [new PassThrough().resume(), new PassThrough().resume()];
  return {
    ...{ argv: ['true'], cwd: '/', env: {}, stdin: null, timeoutMs: 20_000, signal: NEVER, stdout, stderr },
    ...change,
  };
}

/** Takes the first bytes and is done with them never. */
const unread = (): Writable => new Writable({ write: () => undefined });

const LOST = { reasonCode: 'connection_lost', message: expect.stringMatching(/supervisor sent something unexpected/) };

/** How much the process has grown, at most, while something ran. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage().rss;
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20);
  await work();
  clearInterval(timer);
  return Math.max(most, process.memoryUsage().rss) - before;
}

test('who sends more than was granted loses the sandbox, and its bytes are not kept', async () => {
  const sandbox = await held('say_frame("O", 1, "x" x 65536) while 1');
  const grown = await growth(() => expect(sandbox.execute(command({ stdout: unread() }))).rejects.toMatchObject(LOST));
  expect(grown).toBeLessThan(64 * MIB);
});

test('bytes that come one by one in great chunks cost no more than they are', async () => {
  // Of each chunk of 64 KiB one byte is for a reader who does not read; the rest is for one who does.
  const program =
    'for (1 .. 4000) { say_frame("O", 1, "x"); say_frame("E", 1, "y" x 65000) } say_frame("X", 1, "\\0\\0")';
  const sandbox = await held(`${program}; sleep 100`);
  const grown = await growth(() => sandbox.execute(command({ stdout: unread() })));
  expect(grown).toBeLessThan(64 * MIB);
});

test('who does not read what it is told is told of what was taken once, not for each byte', async () => {
  const program = 'say_frame("O", 1, "x") for 1 .. 200_000; say_frame("X", 1, "\\0\\0")';
  const sandbox = await held(`${program}; sleep 100`);
  expect(await sandbox.execute(command())).toMatchObject({ exitCode: 0 });
  expect(started.at(-1)?.child.stdin.writableLength).toBeLessThan(MIB);
});

test.each([
  ['grants more input than it was sent', 'say_frame("A", 1, pack("N", 1))'],
  ['grants half a number', 'say_frame("A", 1, "x")'],
  ['ends a command with half a number', 'say_frame("X", 1, "x")'],
  ['speaks of a command that there is not', 'say_frame("O", 2, "x")'],
  ['says what no supervisor says', 'say_frame("?", 1, "x")'],
  ['announces a frame that is too large', 'syswrite STDOUT, pack("CNN", 79, 1, 1 << 31)'],
])('who %s loses the sandbox', async (_, program) => {
  const sandbox = await held(`${program}; sleep 100`);
  await expect(sandbox.execute(command())).rejects.toMatchObject(LOST);
});
