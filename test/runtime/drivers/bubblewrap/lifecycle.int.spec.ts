import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { BubblewrapDriver } from '../../../../src/runtime/drivers/sandbox/bubblewrap/bubblewrap-driver.js';
import { markOf } from '../../../../src/runtime/drivers/sandbox/bubblewrap/running-sandbox.js';
import { ALONE } from '../../../../src/runtime/drivers/sandbox/bubblewrap/sandbox-settings.js';
import { findTools } from '../../../../src/runtime/drivers/sandbox/bubblewrap/sandbox-tools.js';
import type { ResumeRequest } from '../../../../src/domain/driver-contract/runtime-driver.js';
import { grown } from '../../../support/soak.js';
import { leaseOf, NEVER, SandboxesUnderTest, type Lease } from './sandbox-under-test.js';

const ROUNDS = grown(4, 10);

let sandboxes: SandboxesUnderTest;
const made: Lease[] = [];
beforeAll(async () => {
  sandboxes = await SandboxesUnderTest.start();
});
afterEach(async () => {
  for (const lease of made.splice(0)) await sandboxes.driver.release(lease);
  expect(await sandboxes.leftovers()).toEqual([]);
});
afterAll(() => sandboxes?.stop());

async function acquired(change: object = {}): Promise<Lease> {
  const lease = await sandboxes.acquire(change);
  made.push(lease);
  return lease;
}

function resuming(from: Lease, change: object = {}): ResumeRequest {
  return { ...sandboxes.request(change), from };
}

test('acquiring again gives the same, finding finds it, and nothing is found that was not made', async () => {
  const request = sandboxes.request();
  expect(await sandboxes.driver.find(request)).toBeNull();
  const first = await sandboxes.driver.acquire(request);
  expect(first.providerLeaseId).toBe(`sandbox://bubblewrap/${request.effectId}`);
  expect(first.metadata).toMatchObject({ provider: 'bubblewrap', image: null, reuseLease: false, memoryMb: 1_024 });
  expect(JSON.stringify(first)).not.toContain(sandboxes.dataDir);
  expect(await sandboxes.driver.acquire(request)).toEqual(first);
  expect(await sandboxes.driver.find(request)).toEqual(first);
  expect(await sandboxes.driver.release(leaseOf(request, first))).toBe('cleaned');
  expect(await sandboxes.driver.find(request)).toBeNull();
});

test('releasing twice, and releasing what was never made, is no error; a late acquire makes nothing', async () => {
  const request = sandboxes.request();
  const lease = leaseOf(request, await sandboxes.driver.acquire(request));
  await sandboxes.sh(lease, 'sleep 0.01');
  await sandboxes.driver.release(lease);
  await sandboxes.driver.release(lease);
  expect(await sandboxes.leftovers()).toEqual([]);
  await expect(sandboxes.driver.acquire(request)).rejects.toMatchObject({ reasonCode: 'stale_fence' });
  await expect(sandboxes.sh(lease, 'true')).rejects.toMatchObject({ reasonCode: 'stale_fence' });
  expect(await sandboxes.leftovers()).toEqual([]);
});

test('what was cut off while it was made is found and made whole, or taken down', async () => {
  for (const end of ['acquire', 'release'] as const) {
    const request = sandboxes.request();
    await mkdir(join(sandboxes.dataDir, 'sandboxes', request.effectId, 'files', 'home'), { recursive: true });
    const found = await sandboxes.driver.find(request);
    if (found === null) throw new Error('It was not found.');
    const lease = leaseOf(request, found);
    if (end === 'acquire') expect(await sandboxes.sh(lease, 'pwd')).toMatchObject({ stdout: '/workspace\n' });
    await sandboxes.driver.release(lease);
    expect(await sandboxes.leftovers()).toEqual([]);
  }
});

test('a release that was cut off at any point goes on', async () => {
  const root = join(sandboxes.dataDir, 'sandboxes');
  for (const left of ['record', 'files', 'nothing'] as const) {
    const lease = await sandboxes.acquire();
    const { leaseId, fence, effect } = lease;
    const folder = join(root, effect.effectId);
    await rm(join(folder, `lease.${fence}.${leaseId}.${effect.effectId}`));
    if (left === 'record') await rm(join(folder, 'files'), { recursive: true });
    if (left !== 'nothing') await writeFile(join(folder, `ended.${fence}.${leaseId}.${effect.effectId}`), '');
    await expect(sandboxes.sh(lease, 'true')).rejects.toMatchObject({ reasonCode: 'stale_fence' });
    expect(await sandboxes.driver.release(lease)).toBe('cleaned');
    expect(await sandboxes.leftovers()).toEqual([]);
  }
});

test('a release ends what runs, whichever process of the service has started it', async () => {
  const lease = await acquired();
  const other = SandboxesUnderTest.driverOn(sandboxes.dataDir);
  const running = sandboxes.sh(lease, 'sleep 100');
  running.catch(() => undefined);
  await sandboxes.sh(lease, 'true');
  expect(await sandboxes.processes()).not.toEqual([]);
  await other.release(lease);
  expect(await sandboxes.leftovers()).toEqual([]);
  await expect(running).rejects.toMatchObject({ reasonCode: 'connection_lost' });
  await other.close();
});

test('releases and commands that meet leave nothing', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const lease = await sandboxes.acquire();
    const commands = [1, 2, 3].map(() => sandboxes.sh(lease, 'echo done').catch((error: unknown) => error));
    await pause((round * 40) / ROUNDS);
    await sandboxes.driver.release(lease);
    for (const ended of await Promise.all(commands)) {
      // Done, never begun, or cut off.
      expect(ended).toMatchObject(
        ended instanceof Error
          ? { reasonCode: expect.stringMatching(/^(stale_fence|connection_lost)$/) }
          : { stdout: 'done\n' },
      );
    }
    expect(await sandboxes.leftovers()).toEqual([]);
  }
});

describe('handing on', () => {
  test('the next lease has the workspace, the config it asks for, and what ran is gone', async () => {
    const first = await acquired();
    await sandboxes.sh(first, 'echo kept > file');
    const running = sandboxes.sh(first, 'sleep 100');
    running.catch(() => undefined);
    await sandboxes.sh(first, 'true');
    await sandboxes.driver.suspend(first);
    await expect(running).rejects.toMatchObject({ reasonCode: 'connection_lost' });
    expect(await sandboxes.processes()).toEqual([]);
    await expect(sandboxes.sh(first, 'true')).rejects.toMatchObject({ reasonCode: 'stale_fence' });

    const request = resuming(first, { processes: 99 });
    const acquisition = await sandboxes.driver.resume(request);
    if (acquisition === null) throw new Error('It was not given.');
    expect(acquisition.providerLeaseId).toBe(first.providerLeaseId);
    const next = leaseOf(request, acquisition);
    made.push(next);
    expect((await sandboxes.sh(next, 'cat file; ulimit -p 2>/dev/null || ulimit -u')).stdout).toBe('kept\n99\n');

    // Calls of the earlier holder that come late.
    await expect(sandboxes.sh(first, 'true')).rejects.toMatchObject({ reasonCode: 'stale_fence' });
    await sandboxes.driver.suspend(first);
    expect(await sandboxes.driver.release(first)).toBe('nothing_to_clean');
    expect((await sandboxes.sh(next, 'cat file')).stdout).toBe('kept\n');
    expect(await sandboxes.driver.resume(request)).toEqual(acquisition);
    expect(await sandboxes.driver.find(request)).toEqual(acquisition);
    expect(await sandboxes.driver.find(first.effect)).toBeNull();
  });

  test('it is given to one, however many ask at once', async () => {
    const first = await acquired();
    await sandboxes.driver.suspend(first);
    const requests = Array.from({ length: 20 }, () => resuming(first));
    const answers = await Promise.all(requests.map((request) => sandboxes.driver.resume(request)));
    const given = answers.flatMap((answer, index) => (answer ? [leaseOf(requests[index]!, answer)] : []));
    made.push(...given);
    expect(given).toHaveLength(1);
  });

  test('it is not given while or after it is taken down, nor to a lower fence, nor without its workspace', async () => {
    const late = sandboxes.request();
    const first = await sandboxes.acquire();
    await sandboxes.driver.suspend(first);
    expect(await sandboxes.driver.resume({ ...late, from: first })).toBeNull();
    await rm(join(sandboxes.dataDir, 'sandboxes', first.effect.effectId, 'files', 'workspace'), { recursive: true });
    expect(await sandboxes.driver.resume(resuming(first))).toBeNull();
    expect(await sandboxes.driver.release(first)).toBe('cleaned');
    expect(await sandboxes.driver.resume(resuming(first))).toBeNull();
  });

  test('what was retained as it was, is given too', async () => {
    const first = await acquired();
    await sandboxes.sh(first, 'echo kept > file');
    const request = resuming(first);
    const next = leaseOf(request, (await sandboxes.driver.resume(request))!);
    made.push(next);
    expect((await sandboxes.sh(next, 'cat file')).stdout).toBe('kept\n');
    await expect(sandboxes.sh(first, 'true')).rejects.toMatchObject({ reasonCode: 'stale_fence' });
  });
});

test('after the service has ended, the next one makes the sandbox again, with its workspace', async () => {
  const lease = await acquired();
  await sandboxes.sh(lease, 'echo kept > file');
  await sandboxes.driver.close();
  expect(await sandboxes.processes()).toEqual([]);
  const folder = await readdir(join(sandboxes.dataDir, 'sandboxes', lease.effect.effectId));
  expect(folder.filter((name) => name.startsWith('process.'))).toEqual([]);
  expect((await sandboxes.sh(lease, 'cat file')).stdout).toBe('kept\n');
});

test('a first process that its bwrap has left waiting is ended by the next service, and no other', async () => {
  const lease = await acquired();
  await sandboxes.sh(lease, 'true');
  // Held up between the two steps, bwrap is killed as its service's death would.
  const args = ['--hostname', markOf(sandboxes.dataDir), '--args', '3', '--info-fd', '4', '--block-fd', '5'];
  const stdio = Array.from({ length: 6 }, () => 'pipe' as const);
  const bwrap = spawn('bwrap', [...args, 'true'], { stdio });
  (bwrap.stdio[3] as Writable).end(
    ['--unshare-user', '--unshare-pid', '--unshare-uts', '--ro-bind', '/', '/'].join('\0') + '\0',
  );
  await once(bwrap.stdio[4] as Readable, 'data');
  const before = await sandboxes.processes();
  bwrap.kill('SIGKILL');
  await once(bwrap, 'exit');
  expect((await sandboxes.processes()).length).toBe(before.length - 1);
  await SandboxesUnderTest.driverOn(sandboxes.dataDir).close();
  expect((await sandboxes.processes()).length).toBe(before.length - 2);
  expect(await sandboxes.sh(lease, 'true')).toMatchObject({ exitCode: 0 });
});

describe('where it cannot be had', () => {
  async function expectUnavailable(driver: BubblewrapDriver, reasonCode: string, how: RegExp): Promise<void> {
    const request = sandboxes.request();
    const probe = await driver.probe({ ...request, environmentId: 'unsaved' });
    expect(probe).toMatchObject({ ok: false, details: { reasonCode }, summary: expect.stringMatching(how) });
    await expect(driver.acquire(request)).rejects.toMatchObject({ failureClass: 'config', reasonCode, inDoubt: false });
  }

  test('without bwrap, capabilities and probe say how to get it', async () => {
    const driver = new BubblewrapDriver(sandboxes.dataDir, ALONE, findTools('/nonexistent'));
    const how = /apt-get install bubblewrap.*dnf install bubblewrap.*pacman -S bubblewrap/;
    expect(driver.unavailable).toMatch(how);
    expect(driver.capabilities.supportsRunExecution).toBe(false);
    await expectUnavailable(driver, 'tool_missing', how);
  });

  test('with a bwrap that is too old, or may not isolate, probe and acquire say so', async () => {
    for (const [said, reasonCode, how] of [
      ['bwrap: Unknown option --disable-userns', 'tool_missing', /version 0\.8/],
      ['bwrap: No permissions to create a new namespace', 'isolation_unavailable', /user\.max_user_namespaces/],
    ] as const) {
      const bwrap = join(sandboxes.dataDir, reasonCode);
      await writeFile(bwrap, `#!/bin/sh\necho '${said}' >&2\nexit 1\n`, { mode: 0o755 });
      const tools = findTools(process.env['PATH'] ?? '');
      if ('missing' in tools) throw new Error(tools.missing);
      await expectUnavailable(
        new BubblewrapDriver(sandboxes.dataDir, ALONE, { ...tools, bwrap, asRoot: null }),
        reasonCode,
        how,
      );
    }
  });

  test('with it, the probe says so and leaves nothing', async () => {
    const request = sandboxes.request();
    expect(await sandboxes.driver.probe({ ...request, environmentId: 'unsaved', signal: NEVER })).toMatchObject({
      ok: true,
      details: { provider: 'bubblewrap', reasonCode: null },
    });
    expect(await sandboxes.leftovers()).toEqual([]);
  });
});

test('a config has its limits within bounds and nothing that is not known', async () => {
  const verdict = await sandboxes.driver.validateConfig({
    ...{ provider: 'fake', memoryMb: 1, processes: 2.5, cpuSeconds: 0, diskMb: '5', timeoutMs: -1, outputBytes: null },
    ...{ network: 'yes', image: 'debian' },
  });
  expect(verdict.kind === 'invalid' && verdict.errors.map(({ field }) => field).sort()).toEqual([
    ...['cpuSeconds', 'diskMb', 'image', 'memoryMb', 'network', 'outputBytes', 'processes', 'provider'],
    'timeoutMs',
  ]);
});

test('the operator says what a sandbox may use at the most, also of those whose environment asked for more before', async () => {
  const most = { memoryMb: 64, diskMb: 16, processes: 32 };
  const driver = SandboxesUnderTest.driverOn(sandboxes.dataDir, {}, { most });
  expect(await driver.validateConfig({ provider: 'bubblewrap' })).toMatchObject({ kind: 'valid', config: most });
  const more = { provider: 'bubblewrap', memoryMb: 65, diskMb: 17, processes: 33 };
  const verdict = await driver.validateConfig(more);
  expect(verdict.kind === 'invalid' && verdict.errors.map(({ field }) => field).sort()).toEqual(
    Object.keys(most).sort(),
  );
  const request = sandboxes.request({ memoryMb: 4_096 });
  const acquisition = await driver.acquire(request);
  expect(acquisition.metadata).toMatchObject(most);
  made.push(leaseOf(request, acquisition));
  await driver.close();
});

test('a sandbox of another data folder is neither taken for gone nor for taken down: who has it is to be asked', async () => {
  const lease = await acquired();
  await sandboxes.sh(lease, 'echo kept > file');
  const elsewhere = await SandboxesUnderTest.start();
  try {
    const ELSEWHERE = { failureClass: 'transient', reasonCode: 'sandbox_elsewhere', inDoubt: false };
    const { driver } = elsewhere;
    expect(await driver.isElsewhere(lease.teardown)).toBe(true);
    expect(await sandboxes.driver.isElsewhere(lease.teardown)).toBe(false);
    await expect(elsewhere.sh(lease, 'true')).rejects.toMatchObject(ELSEWHERE);
    await expect(driver.release(lease)).rejects.toMatchObject(ELSEWHERE);
    await expect(driver.suspend(lease)).rejects.toMatchObject(ELSEWHERE);
    await expect(driver.resume(resuming(lease))).rejects.toMatchObject(ELSEWHERE);
    // Of a lease of an older release nobody knows where its sandbox is.
    const { name, config } = lease.teardown;
    expect(await driver.release({ ...lease, teardown: { name, config } })).toBe('cleaned');
  } finally {
    await elsewhere.stop();
  }
  expect((await sandboxes.sh(lease, 'cat file')).stdout).toBe('kept\n');
});
