import { afterEach, describe, expect, test } from '@jest/globals';
import { HostUnderTest } from './host-under-test.js';

let host: HostUnderTest | undefined;

afterEach(async () => {
  await host?.stop();
  host = undefined;
});

describe('a host that opens few sessions on a connection', () => {
  test.each([1, 2, 3])('MaxSessions %i: commands beyond it run on further connections', async (most) => {
    host = await HostUnderTest.start({ config: [`MaxSessions ${most}`] });
    const lease = await host.acquire();
    const run = (index: number) =>
      host!
        .execute(lease, { command: 'sh', args: ['-c', `sleep 0.2; echo ${index}`] })
        .then(({ stdout }) => String(stdout));
    const expected = Array.from({ length: 7 }, (_, index) => `${index}\n`);
    expect(await Promise.all(expected.map((_, index) => run(index)))).toEqual(expected);
    // And one after another, where what has ended here may not have ended there.
    for (const index of [0, 1, 2, 3]) expect(await run(index)).toBe(`${index}\n`);
    await host.driver.release(lease);
  });

  test('MaxSessions 0: the reason is told', async () => {
    host = await HostUnderTest.start({ config: ['MaxSessions 0'] });
    const refused = { failureClass: 'transient', reasonCode: 'session_refused', inDoubt: false };
    const many = await Promise.allSettled(Array.from({ length: 4 }, () => host!.acquire()));
    for (const one of many) expect(one).toMatchObject({ status: 'rejected', reason: refused });
  });
});

describe('a host that stops answering', () => {
  test('a command has its time, whether its session was being opened, or it was running', async () => {
    host = await HostUnderTest.start({}, [], { transportMs: 2_000 });
    const lease = await host.acquire();
    const since = performance.now();
    const running = host.execute(lease, { command: 'sh', args: ['-c', 'echo begun; sleep 60'], timeoutMs: 4_000 });
    // There is a session on the connection by then; the connection that stands is asked for another one.
    await host.execute(lease, { command: 'true' });
    await host.sshd.freeze();
    const opening = await host.execute(lease, { command: 'true', timeoutMs: 300 });
    expect(opening).toMatchObject({ timedOut: true, exitCode: null });
    // A new connection is not let in: the one that stands is not asked again.
    const again = await host.execute(lease, { command: 'true', timeoutMs: 300 });
    expect(again).toMatchObject({ timedOut: true });
    expect(await running).toMatchObject({ timedOut: true, stdout: Buffer.from('begun\n') });
    // Without the signal it took three missed keepalives, and then the time for another connection.
    expect(performance.now() - since).toBeLessThan(25_000);
  });

  test('a caller who goes away need not wait for a connection', async () => {
    host = await HostUnderTest.start();
    const lease = await host.acquire();
    await host.sshd.freeze();
    const gone = new AbortController();
    const command = host.execute(lease, { command: 'true', signal: gone.signal });
    gone.abort(new Error('The caller went away.'));
    await expect(command).rejects.toThrow('The caller went away.');
    const release = new AbortController();
    const released = host.driver.release({ ...lease, signal: release.signal });
    release.abort();
    await expect(released).rejects.toMatchObject({ reasonCode: 'host_not_answering' });
    await expect(host.driver.release({ ...lease, signal: AbortSignal.abort() })).rejects.toThrow();
  });
});
