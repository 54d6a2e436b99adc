import { readdir, statfs } from 'node:fs/promises';
import { freemem } from 'node:os';
import { PassThrough } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SandboxesUnderTest, type Lease } from './sandbox-under-test.js';

const MIB = 1024 ** 2;
const LIMITS = { memoryMb: 128, processes: 64, cpuSeconds: 1, diskMb: 32, outputBytes: MIB };
const LIMIT_EXCEEDED = { reasonCode: 'limit_exceeded' };

describe.each([
  { name: 'a held sandbox', perl: true },
  { name: 'sandboxes of their own', perl: false },
])('the limits of $name', ({ perl }) => {
  let sandboxes: SandboxesUnderTest;
  let lease: Lease;
  beforeAll(async () => {
    sandboxes = await SandboxesUnderTest.start({ perl });
    lease = await sandboxes.acquire(LIMITS);
  });
  afterAll(async () => {
    try {
      if (lease) await sandboxes.driver.release(lease);
    } finally {
      await sandboxes?.stop();
    }
  });

  /** After whatever came before: the same lease, and a new one, do as ever, and nothing of it runs any more. */
  async function expectAsEver(): Promise<void> {
    const same = await sandboxes.sh(lease, 'echo still here; ps -e -o args=');
    expect(same).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^still here\n/) });
    expect(same.stdout).not.toMatch(/bomb|eater|deaf/);
    const next = await sandboxes.acquire(LIMITS);
    expect(await sandboxes.sh(next, 'echo next')).toMatchObject({ exitCode: 0, stdout: 'next\n' });
    await sandboxes.driver.release(next);
  }

  test('a fork bomb ends with its time, and takes no more processes than it may', async () => {
    const processes = async (): Promise<number> => (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).length;
    const before = await processes();
    const stderr = new PassThrough().resume();
    const bomb = sandboxes.sh(lease, `perl -e 'fork while 1' bomb`, { timeoutMs: 600, stderr });
    await pause(500);
    expect((await processes()) - before).toBeLessThan(LIMITS.processes + 100);
    // The supervisor has none of its own to end it with, it may be: then the whole sandbox goes.
    await bomb.then(
      (ended) => expect(ended.timedOut).toBe(true),
      (error: unknown) => expect(error).toMatchObject({ reasonCode: 'connection_lost' }),
    );
    await expectAsEver();
  });

  test('2 GB of memory are not to be had: by one process, by many, or in files', async () => {
    const free = freemem();
    const one = await sandboxes.sh(lease, `perl -e 'my $eater = "x" x 2_000_000_000; print length $eater'`);
    expect(one.exitCode).not.toBe(0);
    const many = `for i in $(seq 6); do perl -e 'my $eater = "x" x 30_000_000; sleep 60' & done; wait`;
    await expect(sandboxes.sh(lease, many)).rejects.toMatchObject(LIMIT_EXCEEDED);
    const files = await sandboxes.sh(lease, 'head -c 2G /dev/zero > /tmp/eater; head -c 2G /dev/zero > /dev/shm/eater');
    expect(files.exitCode).not.toBe(0);
    expect(free - freemem()).toBeLessThan(1_500 * MIB);
    await expectAsEver();
  });

  test('nor is memory of the kernel’s: in sockets, or in files without a byte', async () => {
    const sockets =
      'use Socket; for (1 .. 6) { next if fork; for (1 .. 450) { socketpair(my $a, my $b, 1, 1, 0); push @kept, $a, $b } sleep 60 } sleep 60';
    await expect(sandboxes.sh(lease, `perl -e '${sockets}'`)).rejects.toMatchObject(LIMIT_EXCEEDED);
    // By several processes, each of which has its own share of the CPU.
    const files =
      'for my $part (1 .. 8) { next if fork; for (1 .. 50_000) { open my $file, ">", "/tmp/$part.$_" or sleep 60 } sleep 60 } sleep 60';
    await expect(sandboxes.sh(lease, `perl -e '${files}'`)).rejects.toMatchObject(LIMIT_EXCEEDED);
    expect((await sandboxes.sh(lease, 'ulimit -n; ulimit -Hn')).stdout).toBe('1024\n4096\n');
    await expectAsEver();
  });

  test('10 GB of disk are not to be had, in one file or in many, and what is there can be removed', async () => {
    const { bavail, bsize } = await statfs(sandboxes.dataDir);
    // The kernel ends it at the largest file it may write, or the watch, if it looks before that.
    await sandboxes.sh(lease, 'head -c 10G /dev/zero > eater').then(
      (ended) => expect(ended.exitCode).not.toBe(0),
      (error: unknown) => expect(error).toMatchObject(LIMIT_EXCEEDED),
    );
    await sandboxes.sh(lease, 'rm -f eater');
    const many = 'for i in $(seq 200); do head -c 25M /dev/zero > eater.$i || exit; sleep 0.05; done';
    await expect(sandboxes.sh(lease, many)).rejects.toMatchObject(LIMIT_EXCEEDED);
    const after = await statfs(sandboxes.dataDir);
    expect((bavail - after.bavail) * bsize).toBeLessThan(5_000 * MIB);
    expect(await sandboxes.sh(lease, 'rm -f eater.*; sleep 0.7; du -sm .')).toMatchObject({ exitCode: 0 });
    await expectAsEver();
  });

  test('what short commands left, more than may be, a long one can remove', async () => {
    const { driver } = sandboxes;
    const mine = await sandboxes.acquire(LIMITS);
    for (const file of ['one', 'two', 'three']) await sandboxes.sh(mine, `fallocate -l 15M ${file}`);
    expect(await sandboxes.sh(mine, 'sleep 1.2; rm one two three')).toMatchObject({ exitCode: 0 });
    await expect(
      sandboxes.sh(mine, 'for file in 1 2 3; do fallocate -l 15M $file; done; sleep 30'),
    ).rejects.toMatchObject(LIMIT_EXCEEDED);
    await driver.release(mine);
  });

  test('a process that ignores every signal ends with its time', async () => {
    const deaf = `exec perl -e '$SIG{$_} = "IGNORE" for keys %SIG; sleep 100 while 1' deaf`;
    expect(await sandboxes.sh(lease, deaf, { timeoutMs: 300 })).toMatchObject({ timedOut: true, signal: 'SIGKILL' });
    await expectAsEver();
  });

  test('a process that only computes ends with its share of the CPU', async () => {
    const ran = await sandboxes.sh(lease, 'exec perl -e "1 while 1"');
    expect(ran).toMatchObject({ timedOut: false, signal: expect.stringMatching(/SIGXCPU|SIGKILL/) });
  });

  test('a command that prints more than it may is ended', async () => {
    await expect(sandboxes.sh(lease, 'cat /dev/zero', { stdout: new PassThrough().resume() })).rejects.toMatchObject(
      LIMIT_EXCEEDED,
    );
    await expectAsEver();
  });

  test('the lease’s own time is the most a command gets', async () => {
    const hasty = await sandboxes.acquire({ timeoutMs: 200 });
    expect(await sandboxes.sh(hasty, 'sleep 30')).toMatchObject({ timedOut: true });
    await sandboxes.driver.release(hasty);
  });

  test('a sandbox whose own processes it ends is made again, with its workspace', async () => {
    const mine = await sandboxes.acquire();
    await sandboxes.sh(mine, 'echo kept > file');
    await sandboxes
      .sh(mine, 'kill -9 -1; kill -STOP -1')
      .catch((error: unknown) => expect(error).toMatchObject({ reasonCode: 'connection_lost' }));
    expect((await sandboxes.sh(mine, 'cat file')).stdout).toBe('kept\n');
    await sandboxes.driver.release(mine);
  });
});
