import { PassThrough, Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { grown } from '../../../support/soak.js';
import { SandboxesUnderTest, type Lease } from './sandbox-under-test.js';

const AT_ONCE = grown(10, 40);
/** Of 64 KiB. */
const CHUNKS = grown(64, 256);
const BIG = grown(10_000_000, 50_000_000);

describe.each([
  { name: 'in a held sandbox', perl: true },
  { name: 'each in a sandbox of its own', perl: false },
])('commands $name', ({ perl }) => {
  let sandboxes: SandboxesUnderTest;
  let lease: Lease;
  beforeAll(async () => {
    sandboxes = await SandboxesUnderTest.start({ perl });
    lease = await sandboxes.acquire();
  });
  afterAll(async () => {
    try {
      if (lease) await sandboxes.driver.release(lease);
    } finally {
      await sandboxes?.stop();
    }
  });

  test('program, arguments, environment and input arrive byte for byte', async () => {
    const odd = ['', ' ', 'a b', '$HOME', '`x`', "it's", '"', '\\', 'ü\n', '-n', '*', '{'];
    const script = 'for (@ARGV) { print length, ":$_;" } print "|$ENV{ODD}|"; binmode STDIN; local $/; print <STDIN>';
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const stdin = Readable.from([bytes, bytes]);
    const stdout = new PassThrough();
    const printed = stdout.toArray() as Promise<Buffer[]>;
    const env = { ODD: "=a 'b'\n$c" };
    await sandboxes.execute(lease, { command: 'perl', args: ['-e', script, ...odd], env, stdin, stdout });
    const expected = `${odd.map((word) => `${Buffer.byteLength(word)}:${word};`).join('')}|${env.ODD}|`;
    stdout.end();
    expect(Buffer.concat(await printed)).toEqual(Buffer.concat([Buffer.from(expected), bytes, bytes]));
  });

  test('its environment is what was named, and PATH, HOME and LANG', async () => {
    const { stdout } = await sandboxes.execute(lease, { command: 'env', env: { A: '1' } });
    const names = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0]);
    // A shell on the way may say where it is.
    expect(names.filter((name) => name !== 'PWD' && name !== 'OLDPWD').sort()).toEqual(['A', 'HOME', 'LANG', 'PATH']);
  });

  test('both streams are apart, and the exit code and the signal are as they were', async () => {
    const ran = await sandboxes.sh(lease, 'echo out; echo err >&2; exit 3');
    expect(ran).toEqual({ exitCode: 3, signal: null, timedOut: false, stdout: 'out\n', stderr: 'err\n' });
    for (const [signal, number] of Object.entries({ TERM: 15, KILL: 9, ABRT: 6, USR1: 10 })) {
      const ended = await sandboxes.sh(lease, `kill -${signal} $$`);
      // Of a sandbox's one command bwrap says no more than a shell would: the code stays, the signal is a guess.
      expect([null, 128 + number]).toContain(ended.exitCode);
      expect(ended.signal).toBe(`SIG${signal}`);
    }
    for (const code of [129, 143, 200])
      expect(await sandboxes.sh(lease, `exit ${code}`)).toMatchObject({ exitCode: code });
  });

  test('what cannot be run ends as in a shell, with a word why', async () => {
    expect(await sandboxes.execute(lease, { command: 'no-such-program' })).toMatchObject({
      exitCode: 127,
      stderr: expect.stringContaining('no-such-program'),
    });
    expect(await sandboxes.execute(lease, { command: 'true', cwd: 'no/folder' })).toMatchObject({ exitCode: 126 });
  });

  test('the folder is the workspace or in it, and files are there for the next command', async () => {
    expect((await sandboxes.execute(lease, { command: 'pwd' })).stdout).toBe('/workspace\n');
    await sandboxes.sh(lease, 'mkdir -p sub && echo kept > sub/file && echo home > ~/file');
    expect((await sandboxes.execute(lease, { command: 'cat', args: ['file'], cwd: 'sub' })).stdout).toBe('kept\n');
    expect((await sandboxes.sh(lease, 'cat file', { cwd: '/home/sandbox' })).stdout).toBe('home\n');
  });

  test('a big input and a big output pass through, and a slow reader holds the command up, not the service', async () => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const stdin = Readable.from(Array.from({ length: CHUNKS }, () => chunk));
    expect((await sandboxes.sh(lease, 'wc -c', { stdin })).stdout.trim()).toBe(String(CHUNKS * chunk.length));

    const stdout = new PassThrough();
    const running = sandboxes.sh(lease, `head -c ${BIG} /dev/zero; echo done >&2`, { stdout });
    await pause(300);
    expect(stdout.readableLength + stdout.writableLength).toBeLessThan(2_000_000);
    let read = 0;
    stdout.on('data', (data: Buffer) => (read += data.length));
    expect((await running).stderr).toBe('done\n');
    expect(read).toBe(BIG);
  });

  test('input that nobody reads ends nothing and holds nothing up', async () => {
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(64 * 1024));
      },
    });
    expect(await sandboxes.sh(lease, 'exit 4', { stdin: endless })).toMatchObject({ exitCode: 4 });
    expect(await sandboxes.sh(lease, 'exec 0<&-; echo closed; exit 5', { input: 'x'.repeat(1_000_000) })).toMatchObject(
      {
        exitCode: 5,
        stdout: 'closed\n',
      },
    );
  });

  test('many commands at once do not mix', async () => {
    const ran = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, index) =>
        sandboxes.sh(lease, `read line; echo "$line ${index}"; echo e${index} >&2; exit ${index}`, {
          input: `line ${index}\n`,
        }),
      ),
    );
    ran.forEach(({ exitCode, stdout, stderr }, index) => {
      expect([exitCode, stdout, stderr]).toEqual([index, `line ${index} ${index}\n`, `e${index}\n`]);
    });
  });

  test('a command that is too slow is ended with all that it has started, whatever they ignore', async () => {
    const daemon =
      "trap '' TERM INT HUP; (setsid sh -c \"trap '' TERM INT HUP; while :; do date > beat; sleep 0.02; done\" &) & sleep 100";
    expect(await sandboxes.sh(lease, `${daemon}; :`, { timeoutMs: 300 })).toMatchObject({
      timedOut: true,
      exitCode: null,
    });
    const beat = await sandboxes.sh(lease, 'rm -f beat; sleep 0.2; ls beat; ps -e -o args');
    expect(beat.stdout).not.toMatch(/beat\n/);
    expect(beat.stdout).not.toContain('sleep 100');
  });

  test('an aborted command is ended too, and another one of the lease goes on', async () => {
    const over = new AbortController();
    const other = sandboxes.sh(lease, 'sleep 0.5; echo whole');
    const aborted = sandboxes.sh(lease, 'sleep 1234 & sleep 1234', { signal: over.signal });
    await pause(100);
    over.abort(new Error('Enough.'));
    await expect(aborted).rejects.toThrow('Enough.');
    expect(await other).toMatchObject({ exitCode: 0, stdout: 'whole\n' });
    expect((await sandboxes.sh(lease, 'ps -e -o args')).stdout).not.toContain('sleep 1234');
  });

  test('what a command leaves behind goes with it, and its output has an end', async () => {
    const ran = await sandboxes.sh(lease, '(setsid sh -c "(sleep 4321 &) ; sleep 4321" &) ; echo started');
    expect(ran).toMatchObject({ exitCode: 0, stdout: 'started\n' });
    expect((await sandboxes.sh(lease, 'ps -e -o args')).stdout).not.toContain('sleep 4321');
  });
});
