import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type {
  EffectRequest,
  ExecuteRequest,
  ExecutionResult,
  HeldLease,
} from '../../../../src/domain/driver-contract/runtime-driver.js';
import { SshDriver } from '../../../../src/runtime/drivers/ssh/ssh-driver.js';
import { newId } from '../../../../src/event-sourcing/ids/new-id.js';
import { ANY_ADDRESS } from '../../../support/any-address.js';
import { begun, sleeping, unusedSeconds } from '../../../support/sleeping.js';
import { leasesOnHost } from '../../../support/ssh-host.js';
import { startSshd, type TestSshd } from '../../../support/sshd.js';

const NEVER = new AbortController().signal;
/** Bytes that ssh2 lets a host send before they are read, and that it keeps of what has come. */
const SENT_AHEAD = 2 * 1024 * 1024;
const BUDGETS = { readinessMs: 10_000, executionMs: 60_000, transportMs: 5_000 };

let sshd: TestSshd;
let driver: SshDriver;
let fence = 0;

beforeAll(async () => {
  sshd = await startSshd();
  driver = new SshDriver({ read: () => Promise.resolve(sshd.privateKey) }, BUDGETS, [], ANY_ADDRESS);
});
afterAll(async () => {
  await driver?.close();
  await sshd?.stop();
});

function request(change: object = {}): EffectRequest {
  const { host, port, username, workspace: remoteWorkspacePath, knownHosts } = sshd;
  const privateKeySecretRef = { type: 'secret_ref', secretId: newId(), version: 'latest' };
  const verdict = driver.validateConfig({
    ...{ host, port, username, remoteWorkspacePath, knownHosts, privateKeySecretRef },
    ...change,
  });
  if (verdict.kind === 'invalid') throw new Error(JSON.stringify(verdict.errors));
  fence += 1;
  return {
    ...{ companyId: newId(), leaseId: newId(), effectId: newId(), environmentId: newId(), heartbeatRunId: null },
    ...{ config: verdict.config, fence, endsAt: null, signal: NEVER },
  };
}

async function acquire(change: object = {}): Promise<HeldLease & { signal: AbortSignal; effect: EffectRequest }> {
  const effect = request(change);
  const { providerLeaseId, teardown } = await driver.acquire(effect);
  const { companyId, leaseId } = effect;
  return { companyId, leaseId, fence: effect.fence, providerLeaseId, teardown, signal: NEVER, effect };
}

interface Ran extends ExecutionResult {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

async function execute(lease: HeldLease, wish: Partial<ExecuteRequest> & { command: string }): Promise<Ran> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const [out, err] = [stdout.toArray(), stderr.toArray()] as [Promise<Buffer[]>, Promise<Buffer[]>];
  const defaults = { args: [], cwd: null, env: {}, stdin: null, timeoutMs: 20_000, signal: NEVER, stdout, stderr };
  const result = await driver.execute({ lease, ...defaults, ...wish }).finally(() => {
    stdout.end();
    stderr.end();
  });
  return { ...result, stdout: Buffer.concat(await out), stderr: Buffer.concat(await err) };
}

describe('a host over SSH', () => {
  test('is leased once however often it is asked for, found, and given back', async () => {
    const lease = await acquire();
    const again = await driver.acquire(lease.effect);
    expect(again.providerLeaseId).toBe(lease.providerLeaseId);
    expect(await driver.find(lease.effect)).toEqual(again);
    expect(await leasesOnHost(sshd.workspace)).toEqual([lease.leaseId]);
    expect(JSON.stringify(again)).not.toContain('PRIVATE KEY');
    expect(await driver.release(lease)).toBe('cleaned');
    expect(await driver.release(lease)).toBe('nothing_to_clean');
    expect(await driver.find(lease.effect)).toBeNull();
    expect(await leasesOnHost(sshd.workspace)).toEqual([]);
    await expect(driver.acquire(lease.effect)).rejects.toMatchObject({ reasonCode: 'stale_fence' });
  });

  test('runs a command exactly as it was given', async () => {
    const lease = await acquire();
    const args = [`it's "so"`, 'two\nlines', '$(id)', '`id`', 'ünï😀', '', '-n', '\\', '*', '$HOME'];
    const env = { SAID: `a 'b' "c" $d\n\`e\`` };
    const script = 'for a in "$@"; do printf "%s\\0" "$a"; done; printf "%s" "$SAID"';
    const ran = await execute(lease, { command: 'sh', args: ['-c', script, 'sh', ...args], env });
    expect(ran.stdout.toString()).toBe([...args, env.SAID].join('\0'));
    expect(ran).toMatchObject({ exitCode: 0, signal: null, timedOut: false });
    expect(ran.stderr.toString()).toBe('');
    // One at a time: how a command travels depends on what is in it.
    for (const arg of [...args, 'a; b && c | d > e', '\\n\\\\', ' \t ', 'x'.repeat(5_000)]) {
      const { stdout } = await execute(lease, { command: 'printf', args: ['%s', arg], env: { ARG: arg } });
      expect(stdout.toString()).toBe(arg);
    }
    await driver.release(lease);
  });

  test('gives a command its input, byte for byte, and nothing of our environment', async () => {
    const lease = await acquire();
    const input = Buffer.alloc(1024 * 1024, 0).map((_byte, index) => (index * 7 + (index >> 8)) % 256);
    const ran = await execute(lease, { command: 'cat', stdin: Readable.from([input]) });
    expect(ran.stdout.equals(input)).toBe(true);
    const { stdout } = await execute(lease, { command: 'env' });
    expect(
      stdout
        .toString()
        .trim()
        .split('\n')
        .map((line) => line.split('=')[0])
        .sort(),
    ).toEqual(['HOME', 'LANG', 'PATH']);
    await driver.release(lease);
  });

  test('tells how a command ended', async () => {
    const lease = await acquire();
    expect(await execute(lease, { command: 'sh', args: ['-c', 'echo no >&2; exit 3'] })).toMatchObject({
      exitCode: 3,
      signal: null,
      stderr: Buffer.from('no\n'),
    });
    expect(await execute(lease, { command: 'sh', args: ['-c', 'kill -9 $$'] })).toMatchObject({
      exitCode: 137,
      signal: 'SIGKILL',
    });
    // A program may end with such a code by itself, and nobody can tell: the code stays, the signal is a guess.
    const guesses = { 128: null, 129: 'SIGHUP', 130: 'SIGINT', 143: 'SIGTERM', 144: null, 255: null };
    for (const [code, signal] of Object.entries(guesses)) {
      const ran = await execute(lease, { command: 'sh', args: ['-c', `exit ${code}`] });
      expect(ran).toMatchObject({ exitCode: Number(code), signal, timedOut: false });
    }
    expect(await execute(lease, { command: 'no-such-program' })).toMatchObject({ exitCode: 127 });
    await driver.release(lease);
  });

  test('ends a command that takes too long, with a child that ignores SIGTERM', async () => {
    const lease = await acquire();
    const mark = unusedSeconds();
    const script = `(trap '' TERM; sleep ${mark} & wait) & trap '' TERM; sleep ${mark}`;
    const ran = await execute(lease, { command: 'sh', args: ['-c', script], timeoutMs: 500 });
    expect(ran).toMatchObject({ timedOut: true, exitCode: null });
    expect(await sleeping(mark)).toEqual([]);
    await driver.release(lease);
  });

  test('ends a command whose caller goes away, and what still runs when the lease ends', async () => {
    const lease = await acquire();
    const mark = unusedSeconds();
    const caller = new AbortController();
    const ran = execute(lease, { command: 'sleep', args: [mark], signal: caller.signal });
    await begun(mark);
    caller.abort(new Error('gone'));
    await expect(ran).rejects.toThrow('gone');
    expect(await sleeping(mark)).toEqual([]);
    const left = execute(lease, { command: 'sleep', args: [mark] });
    await begun(mark);
    await driver.release(lease);
    expect(await left).toMatchObject({ exitCode: 143, signal: 'SIGTERM' });
    expect(await sleeping(mark)).toEqual([]);
  });

  test('refuses a late command of a lease that has ended, and of an older one on an exclusive host', async () => {
    const lease = await acquire({ exclusive: true });
    await expect(driver.acquire(request({ exclusive: true }))).rejects.toMatchObject({
      reasonCode: 'host_taken',
      failureClass: 'capacity',
    });
    await driver.release(lease);
    await expect(execute(lease, { command: 'true' })).rejects.toMatchObject({ reasonCode: 'stale_fence' });
  });

  test('hands 200 MB of output on as fast as it is taken, and keeps none of it', async () => {
    const lease = await acquire();
    let taken = 0;
    const stdout = new Writable({
      write(chunk: Buffer, _encoding, done) {
        taken += chunk.length;
        setImmediate(done);
      },
    });
    const before = process.memoryUsage();
    let most = 0;
    const watch = setInterval(() => {
      const { heapUsed, external } = process.memoryUsage();
      most = Math.max(most, heapUsed + external - before.heapUsed - before.external);
    }, 20);
    await execute(lease, { command: 'head', args: ['-c', '200000000', '/dev/zero'], stdout, timeoutMs: 60_000 });
    clearInterval(watch);
    // It has been handed all; what was last may not be through it yet.
    await finished(stdout.end());
    expect(taken).toBe(200_000_000);
    expect(most).toBeLessThan(64 * 1024 * 1024);
    await driver.release(lease);
  });

  test('loses nothing of the output to a taker that stalls for long after the command has ended', async () => {
    const lease = await acquire();
    // More than is sent ahead, by less than a pipe holds: so the command ends while its last output is still on the host.
    const bytes = 2 * SENT_AHEAD + 60_000;
    let taken = 0;
    const stdout = new Writable({
      write(chunk: Buffer, _encoding, done) {
        const isFirst = taken === 0;
        taken += chunk.length;
        setTimeout(done, isFirst ? 1_500 : 0);
      },
    });
    await execute(lease, { command: 'head', args: ['-c', String(bytes), '/dev/zero'], stdout });
    await finished(stdout.end());
    expect(taken).toBe(bytes);
    await driver.release(lease);
  });

  test('tells of no other URL of the service than those that were asked of it', async () => {
    const effect = request();
    const { metadata } = await driver.acquire(effect);
    expect(metadata).toMatchObject({ runtimeApiUrl: null });
    const kept = join(sshd.workspace, '.leasehold', 'leases', effect.leaseId, 'url');
    await writeFile(kept, 'http://evil.example:8080');
    for (const again of [await driver.acquire(effect), await driver.find(effect)]) {
      expect(again).toMatchObject({ metadata: { runtimeApiUrl: null }, teardown: { runtimeApiUrl: null } });
    }
    await driver.release({ ...effect, providerLeaseId: null, teardown: effect.config });
  });

  test('is probed without leaving anything, and a failed probe is an answer', async () => {
    const { config, companyId } = request();
    const asked = { companyId, environmentId: 'unsaved', config, signal: NEVER };
    const answer = await driver.probe(asked);
    expect(answer).toMatchObject({ ok: true, driver: 'ssh' });
    expect(answer.details?.['steps']).toEqual(
      ['connect', 'host_key', 'authenticate', 'workspace'].map((step) => ({
        step,
        ok: true,
        durationMs: expect.any(Number) as unknown as number,
      })),
    );
    for (const remoteWorkspacePath of ['/etc/passwd/x', '/etc/passwd/x/y']) {
      expect(await driver.probe({ ...asked, config: { ...config, remoteWorkspacePath } })).toMatchObject({
        ok: false,
        details: { reasonCode: 'workspace_not_writable' },
      });
    }
    expect(await driver.probe({ ...asked, config: { ...config, knownHosts: null } })).toMatchObject({
      ok: false,
      details: { reasonCode: 'host_key_mismatch' },
    });
  });
});
