import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ExecutionAnswer } from '../../../src/runtime/execution/http/execute-bodies.js';
import { SandboxesUnderTest } from '../drivers/bubblewrap/sandbox-under-test.js';
import { leave } from '../../support/leave.js';
import { serve, type Service } from '../../support/service.js';
import { begun, gone, unusedSeconds } from '../../support/sleeping.js';
import { grown } from '../../support/soak.js';
import { startSshd, type TestSshd } from '../../support/sshd.js';

const FAR_MORE_THAN_IS_KEPT = grown(20_000_000, 200_000_000);

let service: Service;
let sshd: TestSshd;
let sandboxes: SandboxesUnderTest;

beforeAll(async () => {
  sshd = await startSshd();
  sandboxes = await SandboxesUnderTest.start();
  service = await serve({
    LEASEHOLD_LOCAL_EXECUTE: 'true',
    LEASEHOLD_EXECUTION_BUDGET_MS: '60000',
    LEASEHOLD_DATA_DIR: sandboxes.dataDir,
  });
});
afterAll(async () => {
  await service?.close();
  await sandboxes?.stop({ leasesAreLive: true });
  await sshd?.stop();
});

describe.each(['local', 'ssh', 'sandbox'] as const)('executing in a lease of driver %s', (driver) => {
  let leaseId: string;
  /** Waits for its time beside the other tests. */
  let late: Promise<ExecutionAnswer>;
  const deaf = unusedSeconds();
  beforeAll(async () => {
    leaseId = await acquire();
    const script = `(trap '' TERM; sleep ${deaf} & wait) & trap '' TERM; sleep ${deaf}`;
    late = execute({ command: 'sh', args: ['-c', script], timeoutMs: 500 });
    // If it fails, that counts in its test.
    late.catch(() => undefined);
  });

  async function acquire(): Promise<string> {
    const companyId = randomUUID();
    const { host, port, username, workspace, privateKey, knownHosts } = sshd;
    const config = {
      local: {},
      ssh: { host, port, username, remoteWorkspacePath: workspace, privateKey, knownHosts },
      sandbox: { provider: 'bubblewrap' },
    }[driver];
    const { id: environmentId } = await service.api.createEnvironment(companyId, { name: 'Host', driver, config });
    return (await service.api.acquire(companyId, { environmentId })).lease.id;
  }

  /** Commands that have begun and not ended, as the log says. */
  async function openExecutions(id: string): Promise<number> {
    const timeline = `/api/environment-leases/${id}/timeline?limit=500`;
    const { items } = await service.api.expect<{ items: { type: string }[] }>(200, 'GET', timeline);
    const count = (begins: string): number => items.filter(({ type }) => type.startsWith(begins)).length;
    return count('ExecutionStarted') - count('ExecutionFinished') - count('ExecutionFailed');
  }

  const path = (id = leaseId): string => `/api/environment-leases/${id}/execute`;
  const execute = (body: object): Promise<ExecutionAnswer> => service.api.expect(200, 'POST', path(), body);

  test('answers what the command printed and how it ended', async () => {
    const args = ['-c', 'printf "%s|" "$@"; cat; echo no >&2; exit 3', 'sh', `it's`, '$(id)', '', 'ü\n`'];
    expect(await execute({ command: 'sh', args, stdin: 'in\n' })).toMatchObject({
      exitCode: 3,
      signal: null,
      timedOut: false,
      stdout: `it's|$(id)||ü\n\`|in\n`,
      stderr: 'no\n',
      truncated: false,
    });
  });

  test('H3: gives it all of its arguments, of which the log keeps some KB', async () => {
    const args = ['-c', 'printf "%s" "$*" | wc -c', 'sh', ...Array.from({ length: 7 }, () => 'x'.repeat(120_000))];
    expect(await execute({ command: 'sh', args })).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^ *840006\n$/),
    });
    const { events } = await service.api.expect<{ events: { type: string; data: { argsCut?: object | null } }[] }>(
      200,
      'GET',
      `/api/environment-leases/${leaseId}/bundle`,
    );
    const large = events.filter(({ type, data }) => type === 'ExecutionStarted' && data.argsCut !== null);
    expect(large).toHaveLength(1);
    expect(JSON.stringify(large).length).toBeLessThan(10_000);
  });

  test('gives it the variables that were named, and nothing else of ours', async () => {
    const { stdout } = await execute({ command: 'env', env: { SAID: 'so' } });
    const names = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0]);
    expect(names.sort()).toEqual(['HOME', 'LANG', 'LEASEHOLD_FENCE', 'LEASEHOLD_LEASE_ID', 'PATH', 'SAID']);
  });

  test('keeps the first MiB of a stream, and says that there was more', async () => {
    const { stdout, truncated } = await execute({
      command: 'head',
      args: ['-c', String(FAR_MORE_THAN_IS_KEPT), '/dev/zero'],
    });
    expect([stdout.length, truncated]).toEqual([1024 * 1024, true]);
  });

  test('ends it when its caller goes away, and when its lease ends', async () => {
    const mark = `42${String(Date.now()).slice(-7)}`;
    const caller = new AbortController();
    const body = JSON.stringify({ command: 'sleep', args: [mark] });
    const headers = { 'content-type': 'application/json' };
    const asked = fetch(service.api.url + path(), { method: 'POST', body, headers, signal: caller.signal });
    await begun(mark);
    caller.abort();
    await expect(asked).rejects.toThrow();
    await gone(mark);
    const other = await acquire();
    const left = service.api.send('POST', path(other), { command: 'sleep', args: [mark] });
    await begun(mark);
    await service.api.release(other);
    expect(await left).toMatchObject({ status: 409, body: { code: 'lease_ended', reasonCode: 'released_by_caller' } });
    await gone(mark);
  });

  test.each(['application/json', 'text/event-stream'])(
    'R1: a caller of %s who leaves before the answer begins leaves no command behind, and each has its end',
    async (accept) => {
      const mark = unusedSeconds();
      const headers = { 'content-type': 'application/json', accept };
      const body = JSON.stringify({ command: 'sleep', args: [mark] });
      await Promise.all(
        Array.from({ length: grown(6, 60) }, (_, at) =>
          leave(service.api.url + path(), { method: 'POST', headers }, body, [0, 1, 3][at % 3] ?? 0),
        ),
      );
      await execute({ command: 'true' });
      while ((await openExecutions(leaseId)) > 0) await pause(20);
      await gone(mark);
    },
    // The service would end it by itself after 60 seconds.
    grown(25_000, 50_000),
  );

  test('streams its output as it comes, and ends with the result', async () => {
    const script = 'printf "ü1"; sleep 0.2; echo 2 >&2; printf 3';
    const response = await fetch(service.api.url + path(), {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ command: 'sh', args: ['-c', script] }),
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const events = (await response.text())
      .split('\n\n')
      .filter((block) => block.startsWith('event'))
      .map((block) => /^event: (\w+)\ndata: (.*)$/s.exec(block)?.slice(1) ?? [])
      .map(([event, data]) => [event, JSON.parse(data ?? '') as { data?: string }] as const);
    const said = (name: string): string =>
      events
        .filter(([event]) => event === name)
        .map(([, { data }]) => data)
        .join('');
    expect([said('stdout'), said('stderr')]).toEqual(['ü13', '2\n']);
    expect(events.at(-1)).toMatchObject(['result', { exitCode: 0, timedOut: false }]);
  });

  test('ends it after its time, with a child that ignores SIGTERM', async () => {
    expect(await late).toMatchObject({ timedOut: true });
    await gone(deaf);
  });

  test('runs a command once under its key, and none of a lease that has ended', async () => {
    const headers = { 'Idempotency-Key': randomUUID() };
    const body = { command: 'true' };
    expect((await service.api.send('POST', path(), body, headers)).status).toBe(200);
    expect(await service.api.send('POST', path(), body, headers)).toMatchObject({
      status: 409,
      body: { code: 'execution_not_repeatable' },
    });
    await service.api.release(leaseId);
    expect(await service.api.send('POST', path(), body)).toMatchObject({
      status: 409,
      body: { code: 'lease_not_active' },
    });
  });
});

test('what a driver cannot do is said so', async () => {
  const service = await serve();
  try {
    const { lease } = await service.api.acquire(randomUUID());
    const answer = await service.api.send('POST', `/api/environment-leases/${lease.id}/execute`, { command: 'true' });
    expect(answer).toMatchObject({ status: 422, body: { code: 'unsupported_operation' } });
  } finally {
    await service.close();
  }
});
