import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ExecutionAnswer } from '../../src/runtime/execution/http/execute-bodies.js';
import type { Readiness } from '../../src/platform/operations/readiness.js';
import type { Acquired } from '../support/api.js';
import { bareEnvironment } from '../support/bare-environment.js';
import { FolderDriver } from '../support/folder-driver.js';
import { SECRETS_KEY, serve, ServiceHome } from '../support/service.js';
import { begun, gone, unusedSeconds } from '../support/sleeping.js';

const SLOW = 180_000;
const SHUTDOWN_MS = 6_000;
const LEEWAY_MS = 10_000;
const ROOT = join(import.meta.dirname, '..', '..');

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let home: ServiceHome;
beforeAll(async () => {
  home = await ServiceHome.make();
}, SLOW);
afterAll(() => home?.close(), SLOW);

const settings = {
  LEASEHOLD_SECRETS_KEY: SECRETS_KEY,
  LEASEHOLD_LOCAL_EXECUTE: 'true',
  LEASEHOLD_SHUTDOWN_MS: String(SHUTDOWN_MS),
};

test(
  'R12: readiness turns first, commands under way come to their end or are told why not, and answer and log agree',
  async () => {
    const service = await home.start(settings);
    const companyId = randomUUID();
    const { lease } = await service.api.acquire(companyId, { heartbeatRunId: randomUUID() });
    const path = `/api/environment-leases/${lease.id}/execute`;
    const [long, streamed] = [unusedSeconds(), unusedSeconds()];
    const short = service.api.send<ExecutionAnswer>('POST', path, { command: 'sleep', args: ['1'] });
    const cut = service.api.send('POST', path, { command: 'sleep', args: [long] });
    const stream = fetch(service.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ command: 'sleep', args: [streamed] }),
    }).then((response) => response.text());
    await Promise.all([begun(long), begun(streamed)]);

    const asked = performance.now();
    process.kill(service.pid, 'SIGTERM');
    // While somebody is waited for, others hear that the service is shutting down.
    let ready = await service.api.send<Readiness>('GET', '/api/ready');
    while (ready.status === 200) ready = await service.api.send<Readiness>('GET', '/api/ready');
    expect(ready).toMatchObject({ status: 503, body: { checks: { shutdown: { ok: false } } } });
    expect(await service.api.send('GET', '/api/health')).toMatchObject({ status: 200 });
    const refused = await service.api.send('POST', `/api/companies/${companyId}/leases`, {});
    expect(refused).toMatchObject({ status: 503, body: { code: 'shutting_down' } });

    expect(await short).toMatchObject({ status: 200, body: { exitCode: 0 } });
    const reason = { code: 'execution_failed', reasonCode: 'service_stopping' };
    expect(await cut).toMatchObject({ status: 502, body: reason });
    expect(JSON.parse(/event: error\ndata: (.*)\n/.exec(await stream)?.[1] ?? '')).toMatchObject(reason);
    expect(await service.exited()).toBe(0);
    expect(performance.now() - asked).toBeLessThan(SHUTDOWN_MS + LEEWAY_MS);
    await Promise.all([gone(long), gone(streamed)]);

    const next = await home.start(settings);
    const { items } = await next.api.expect<{ items: { type: string; data: object }[] }>(
      200,
      'GET',
      `/api/companies/${companyId}/events?leaseId=${lease.id}`,
    );
    expect(items.filter(({ type }) => type === 'ExecutionFailed')).toMatchObject([
      { data: { failureClass: 'transient', reasonCode: 'service_stopping' } },
      { data: { failureClass: 'transient', reasonCode: 'service_stopping' } },
    ]);
    expect(items.filter(({ type }) => type === 'ExecutionFinished')).toHaveLength(1);
    expect(await next.interrupt()).toBe(0);
  },
  SLOW,
);

test(
  'Ctrl-C in a terminal is for the service alone: a command in a sandbox comes to its end',
  async () => {
    // A terminal tells all of the group that it has in front.
    const service = await home.start(settings, ['setsid']);
    const companyId = randomUUID();
    const wish = { name: 'Bubblewrap', driver: 'sandbox', config: { provider: 'bubblewrap' } };
    const { id: environmentId } = await service.api.createEnvironment(companyId, wish);
    const { lease } = await service.api.acquire(companyId, { environmentId });
    const answer = service.api.send<ExecutionAnswer>('POST', `/api/environment-leases/${lease.id}/execute`, {
      ...{ command: 'sh', args: ['-c', 'sleep 2; echo finished'] },
    });
    const path = `/api/companies/${companyId}/events?leaseId=${lease.id}&type=ExecutionStarted`;
    while ((await service.api.expect<{ items: unknown[] }>(200, 'GET', path)).items.length === 0) await sleep(50);
    await sleep(500);
    process.kill(-service.pid, 'SIGINT');
    expect(await answer).toMatchObject({ status: 200, body: { exitCode: 0, stdout: 'finished\n' } });
    expect(await service.exited()).toBe(0);
  },
  SLOW,
);

test(
  'R3: a stopped Postgres keeps nobody from ending the service, and stops when it goes on',
  async () => {
    const service = await home.start(settings);
    const postmaster = Number(await home.postmaster());
    const all = [postmaster, ...(await childrenOf(postmaster))];
    for (const pid of all) process.kill(pid, 'SIGSTOP');
    try {
      const asked = performance.now();
      process.kill(service.pid, 'SIGTERM');
      await service.exited();
      expect(performance.now() - asked).toBeLessThan(SHUTDOWN_MS + LEEWAY_MS);
    } finally {
      for (const pid of all) signal(pid, 'SIGCONT');
    }
    while ((await home.postmaster()) !== null) await sleep(50);
  },
  SLOW,
);

test(
  'R16: who waits for a lease is told where to look',
  async () => {
    const root = await mkdtemp(join(tmpdir(), 'leasehold-test-folders-'));
    const service = await serve({ LEASEHOLD_ROLE: 'api' }, [new FolderDriver(root)]);
    try {
      const companyId = randomUUID();
      const wish = { name: 'Folders', driver: 'sandbox', config: { provider: 'folder' } };
      const { id: environmentId } = await service.api.createEnvironment(companyId, wish);
      const path = `/api/companies/${companyId}/leases`;
      const waits = service.api.send<Acquired>('POST', path, { environmentId }, { Prefer: 'wait=60' });
      while ((await service.api.leases(companyId)).items.length === 0) await sleep(20);
      await service.restart();
      const { status, headers, body } = await waits;
      expect([status, headers.get('location')]).toEqual([202, `/api/environment-leases/${body.lease.id}`]);
    } finally {
      await service.close();
      await rm(root, { recursive: true, force: true });
    }
  },
  SLOW,
);

test(
  'F16: SIGTERM to npm start ends what it has started',
  async () => {
    const env = { ...bareEnvironment(), PORT: '0', LEASEHOLD_DATA_DIR: home.dataDir, ...settings };
    const npm = spawn('npm', ['start'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    try {
      let output = '';
      npm.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
      // Read, so that it does not stand still.
      npm.stderr.resume();
      const ended = once(npm, 'close');
      while (!/listens on (\S+)/.test(output))
        await Promise.race([sleep(20), ended.then(() => Promise.reject(new Error(output)))]);
      const url = /listens on (\S+)/.exec(output)?.[1] ?? '';
      npm.kill('SIGTERM');
      // Its output is open for as long as one of them lives.
      await Promise.race([ended, sleep(SHUTDOWN_MS + LEEWAY_MS)]);
      await expect(fetch(`${url}/api/health`)).rejects.toThrow();
      while ((await home.postmaster()) !== null) await sleep(50);
    } finally {
      // What has not heard of it would be there for good.
      if (npm.pid !== undefined) signal(-npm.pid, 'SIGKILL');
    }
  },
  SLOW,
);

async function childrenOf(parent: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
  return pids.filter((_pid, index) => stats[index]?.split(') ')[1]?.split(' ')[1] === String(parent)).map(Number);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}
