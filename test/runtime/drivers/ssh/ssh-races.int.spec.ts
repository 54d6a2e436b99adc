import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sleeping, unusedSeconds } from '../../../support/sleeping.js';
import { grown } from '../../../support/soak.js';
import { leasesOnHost } from '../../../support/ssh-host.js';
import { HostUnderTest, type Lease } from './host-under-test.js';

const run = promisify(execFile);

let host: HostUnderTest;

beforeAll(async () => {
  host = await HostUnderTest.start();
});
afterAll(() => host?.stop());

/** Holds the host's own lock, as another command would, until it is let go. */
async function holdLock(): Promise<() => Promise<void>> {
  const lock = join(host.sshd.workspace, '.leasehold', 'lock');
  const holder = spawn('flock', [lock, 'sh', '-c', 'echo held; read -r done'], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  return async () => {
    holder.stdin.end('\n');
    await once(holder, 'exit');
  };
}

/** Resolves when so many wait for the host's lock. */
async function waiters(count: number): Promise<void> {
  const waiting = (): Promise<number> =>
    run('pgrep', ['-cf', '^flock -w 20 9$']).then(
      ({ stdout }) => Number(stdout),
      () => 0,
    );
  while ((await waiting()) < count) await sleep(50);
}

async function runsOf({ leaseId }: Lease): Promise<string[]> {
  return readdir(join(host.sshd.workspace, '.leasehold', 'leases', leaseId, 'run')).catch(() => []);
}

describe('on a host, where things happen at the same time', () => {
  test('a reader who pauses for longer than a command runs loses nothing', async () => {
    const lease = await host.acquire();
    let taken = 0;
    let paused = false;
    const stdout = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done) {
        taken += chunk.length;
        const pause = !paused && taken > 1_000_000;
        paused ||= pause;
        setTimeout(done, pause ? 1_500 : 0);
      },
    });
    await host.execute(lease, { command: 'head', args: ['-c', '3000000', '/dev/zero'], stdout });
    expect(taken).toBe(3_000_000);
    await host.driver.release(lease);
  });

  test('a command on its way when its lease ends is refused on the host', async () => {
    const lease = await host.acquire();
    const seconds = unusedSeconds();
    const letGo = await holdLock();
    const released = host.driver.release(lease);
    await waiters(1);
    const late = host.execute(lease, { command: 'sleep', args: [seconds] });
    late.catch(() => undefined);
    await waiters(2);
    await letGo();
    await released;
    await late.then(
      (ran) => expect(ran.signal).toBe('SIGTERM'),
      (error: unknown) =>
        expect(error).toMatchObject({ failureClass: 'permanent', reasonCode: 'stale_fence', inDoubt: false }),
    );
    expect(await sleeping(seconds)).toEqual([]);
  });

  test('a caller who goes away before the command has begun keeps it from beginning', async () => {
    const lease = await host.acquire();
    const seconds = unusedSeconds();
    const letGo = await holdLock();
    const caller = new AbortController();
    const ran = host.execute(lease, { command: 'sleep', args: [seconds], signal: caller.signal });
    ran.catch(() => undefined);
    await waiters(1);
    caller.abort(new Error('gone'));
    await sleep(300);
    await letGo();
    await expect(ran).rejects.toThrow('gone');
    // Whoever takes the lock now comes after the command that was on its way.
    await host.execute(lease, { command: 'true' });
    expect(await sleeping(seconds)).toEqual([]);
    await host.driver.release(lease);
  });

  test('a child in a session of its own ends with the command, or at the latest with the lease', async () => {
    const lease = await host.acquire();
    await host.execute(lease, { command: 'true' });
    // Without children a command is forgotten, soon after it has ended.
    while ((await runsOf(lease)).length > 0) await sleep(10);
    const [first, second] = [unusedSeconds(), unusedSeconds()];
    const ran = await host.execute(lease, {
      command: 'sh',
      args: ['-c', `setsid sleep ${first} & wait`],
      timeoutMs: 700,
    });
    expect(ran.timedOut).toBe(true);
    expect(await sleeping(first)).toEqual([]);
    const script = `set -m; sleep ${second} >/dev/null 2>&1 </dev/null &`;
    expect(await host.execute(lease, { command: 'sh', args: ['-c', script] })).toMatchObject({ exitCode: 0 });
    await sleep(500);
    expect(await sleeping(second)).not.toEqual([]);
    expect(await runsOf(lease)).toHaveLength(1);
    await host.driver.release(lease);
    expect(await sleeping(second)).toEqual([]);
    expect(await runsOf(lease)).toEqual([]);
  });

  test('a child that goes on printing does not keep a command that has ended', async () => {
    const lease = await host.acquire();
    const after = async (printing: string): Promise<void> => {
      const script = `(while :; do ${printing}; done) & echo started; exit 3`;
      const ran = await host.execute(lease, { command: 'sh', args: ['-c', script], timeoutMs: 60_000 });
      expect(ran).toMatchObject({ exitCode: 3, signal: null, timedOut: false });
      expect(ran.stdout.toString()).toContain('started\n');
    };
    await Promise.all(['echo log; sleep 0.3', 'echo log >&2; sleep 0.1', 'head -c 100000 /dev/zero'].map(after));
    await host.driver.release(lease);
  });

  test('more words than a program can take are refused with a reason, and nothing is begun', async () => {
    const lease = await host.acquire();
    for (const args of [['x'.repeat(200_000)], Array<string>(30).fill('x'.repeat(100_000))]) {
      await expect(host.execute(lease, { command: 'true', args })).rejects.toMatchObject({
        failureClass: 'permanent',
        inDoubt: false,
      });
    }
    const { stdout } = await host.execute(lease, { command: 'printf', args: ['%s', 'y'.repeat(100_000)] });
    expect(stdout.length).toBe(100_000);
    await host.driver.release(lease);
  });
});

test('a burst of acquires stays below what an sshd lets in at once', async () => {
  const burst = grown(24, 120);
  const other = await HostUnderTest.start();
  try {
    const leases = await Promise.all(Array.from({ length: burst }, () => other.acquire()));
    expect((await leasesOnHost(other.sshd.workspace)).length).toBe(burst);
    await Promise.all(leases.map((lease) => other.driver.release(lease)));
    expect(await leasesOnHost(other.sshd.workspace)).toEqual([]);
  } finally {
    await other.stop();
  }
});
