import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SshAddresses } from '../../../../src/runtime/drivers/ssh/ssh-addresses.js';
import { SshConnection, type SshEndpoint } from '../../../../src/runtime/drivers/ssh/ssh-connection.js';
import { ANY_ADDRESS } from '../../../support/any-address.js';
import { freePort } from '../../../support/free-port.js';
import { leasesOnHost } from '../../../support/ssh-host.js';
import { startSshd, type SshdOptions, type TestSshd } from '../../../support/sshd.js';
import { HostUnderTest, NEVER } from './host-under-test.js';
import { authorizedLine, PRIVATE_KEY } from './private-key.js';

/** As in a config, with the key that its sshd lets in. */
function jumpOver({ host, port, username, knownHosts, privateKey }: TestSshd, change: object = {}): object {
  return { host, port, username, knownHosts, privateKey, ...change };
}

async function disconnected(sshd: TestSshd): Promise<void> {
  while (await sshd.isConnected()) await sleep(20);
}

let host: HostUnderTest;
/** Connects on to the host alone. */
let jump: TestSshd;
beforeAll(async () => {
  host = await HostUnderTest.start();
  const { port } = host.sshd;
  jump = await startSshd({ first: [`PermitOpen 127.0.0.1:${port} localhost:${port}`] });
});
afterAll(async () => {
  await host?.stop();
  await jump?.stop();
});

describe('a host behind jump hosts', () => {
  test.each([1, 2])('(%i) is probed, leased, runs commands, is given back; no connection stays', async (count) => {
    const outer = await startSshd();
    const inner = await HostUnderTest.start();
    try {
      const jumpHost = count === 1 ? jumpOver(outer) : jumpOver(host.sshd, { jumpHost: jumpOver(outer) });
      const { companyId, config } = inner.request({ jumpHost });
      const probed = await inner.driver.probe({ companyId, environmentId: 'unsaved', config, signal: NEVER });
      const names = (probed.details?.['steps'] as { step: string }[]).map(({ step }) => step);
      expect([probed.ok, ...names]).toEqual([true, 'jump_host', 'connect', 'host_key', 'authenticate', 'workspace']);
      await disconnected(outer);

      const lease = await inner.acquire({ jumpHost });
      expect(await leasesOnHost(inner.sshd.workspace)).toEqual([lease.leaseId]);
      const input = Buffer.alloc(3_000_000, 'all of it ');
      const ran = await inner.execute(lease, { command: 'cat', stdin: Readable.from([input]) });
      expect([ran.exitCode, ran.stdout.equals(input)]).toEqual([0, true]);
      expect(await inner.driver.release(lease)).toBe('cleaned');
      expect(await outer.isConnected()).toBe(true);
      await inner.driver.close();
      await disconnected(outer);
      await disconnected(inner.sshd);
    } finally {
      await inner.stop();
      await outer.stop();
    }
  });

  test('has its name looked up by the jump host, and lends it its own key where that has none', async () => {
    const open = await startSshd({ authorizedKeys: [authorizedLine(host.sshd.privateKey)] });
    try {
      const knownHosts = host.sshd.knownHosts.replace('127.0.0.1', 'localhost');
      const jumpHost = jumpOver(open, { privateKey: null });
      const lease = await host.acquire({ host: 'localhost', knownHosts, jumpHost });
      expect(lease.providerLeaseId).toMatch(/^ssh:\/\/.*@localhost:/);
      await host.driver.release(lease);
    } finally {
      await open.stop();
    }
  });

  test('tells others how to reach it, without a secret', async () => {
    const lease = await host.acquire({ jumpHost: jumpOver(jump) });
    const { port, username, knownHosts } = jump;
    const target = host.driver.executionTarget({ ...lease, environmentId: 'e' });
    expect(target).toHaveProperty('spec.port', host.sshd.port);
    const place = { host: '127.0.0.1', port, username, knownHosts, strictHostKeyChecking: true };
    expect(target).toHaveProperty('spec.jumpHost', place);
    await host.driver.release(lease);
  });
});

async function failure(jumpHost: object, change: object = {}, on = host): Promise<unknown> {
  return on.driver.acquire(on.request({ jumpHost, ...change })).catch((error: unknown) => error);
}

async function withJump(options: SshdOptions, work: (sshd: TestSshd) => Promise<void>): Promise<void> {
  const sshd = await startSshd(options);
  try {
    await work(sshd);
  } finally {
    await sshd.stop();
  }
}

describe('a jump host', () => {
  test('whose key is not known, or that does not let us in, is named', async () => {
    const name = `127.0.0.1:${jump.port}`;
    expect(await failure(jumpOver(jump, { knownHosts: null }))).toMatchObject({
      ...{ failureClass: 'config', reasonCode: 'host_key_mismatch', inDoubt: false },
      message: expect.stringContaining(`${name} offers the host key`) as unknown as string,
    });
    expect(await failure(jumpOver(jump, { privateKey: PRIVATE_KEY }))).toMatchObject({
      ...{ failureClass: 'auth', reasonCode: 'authentication_failed', inDoubt: false },
      message: expect.stringContaining(`${name} does not let`) as unknown as string,
    });
    const unchecked = jumpOver(jump, { knownHosts: null, strictHostKeyChecking: false });
    expect(await failure(unchecked)).not.toBeInstanceOf(Error);
    // The host's own key is checked anyway.
    expect(await failure(unchecked, { knownHosts: null })).toMatchObject({
      reasonCode: 'host_key_mismatch',
      message: expect.stringContaining(`127.0.0.1:${host.sshd.port} offers`) as unknown as string,
    });
  });

  test('that does not reach the host is told from one that may not connect on', async () => {
    const [from, closed] = [`from 127.0.0.1:${jump.port}`, await freePort()];
    const unreachable = { reasonCode: 'host_unreachable', inDoubt: false };
    expect(await failure(jumpOver(jump), { port: closed })).toMatchObject({
      ...unreachable,
      failureClass: 'config',
      message: expect.stringMatching(
        /does not connect on to 127.0.0.1:\d+ \(AllowTcpForwarding or PermitOpen/,
      ) as unknown as string,
    });
    await withJump({}, async (open) => {
      expect(await failure(jumpOver(open), { port: closed })).toMatchObject({
        ...unreachable,
        failureClass: 'transient',
        message: expect.stringContaining(from.replace(String(jump.port), String(open.port))) as unknown as string,
      });
    });
  });

  test('that stops answering: a command ends in its time, and the next connects anew', async () => {
    await withJump({}, async (stalling) => {
      const lease = await host.acquire({ jumpHost: jumpOver(stalling) });
      await stalling.freeze();
      const since = performance.now();
      expect(await host.execute(lease, { command: 'true', timeoutMs: 500 })).toMatchObject({ timedOut: true });
      // Without a limit only the keepalive would end it, after more than thirty seconds; telling the host may take ten.
      expect(performance.now() - since).toBeLessThan(20_000);
    });
  });

  test('that goes in the middle of a command takes the connection with it, in doubt', async () => {
    const going = await startSshd();
    const lease = await host.acquire({ jumpHost: jumpOver(going) });
    const running = host.execute(lease, { command: 'sh', args: ['-c', 'touch began; sleep 30'] });
    const lost = expect(running).rejects.toMatchObject({ reasonCode: 'connection_lost', inDoubt: true });
    while (!existsSync(join(host.sshd.workspace, 'began'))) await sleep(20);
    await going.stop();
    await lost;
  });
});

describe('the addresses that SSH may connect to', () => {
  const key = { username: 'u', privateKey: PRIVATE_KEY, knownHosts: null, strictHostKeyChecking: true };
  const chain = (...hosts: readonly string[]): SshEndpoint =>
    hosts.reduce<SshEndpoint | null>((jumpHost, name) => ({ ...key, host: name, port: jump.port, jumpHost }), null)!;
  const refusalOf = (endpoint: SshEndpoint, allowed: readonly string[]): Promise<unknown> =>
    SshConnection.open(endpoint, 10_000, new SshAddresses(allowed, () => Promise.resolve(true))).then(
      () => 'connected',
      (error: unknown) => (error as { reasonCode: string }).reasonCode,
    );

  test('count for every jump host and for the host behind them, and a name behind one is refused', async () => {
    const loopback = ['127.0.0.1'];
    for (const hosts of [
      ['127.0.0.2', '127.0.0.1'],
      ['127.0.0.1', '127.0.0.2'],
      ['127.0.0.1', '10.0.0.1'],
      ['127.0.0.1', '127.0.0.2', '127.0.0.1'],
      ['127.0.0.1', '::ffff:127.0.0.2'],
      ...['localhost', 'host.example', '127.1', '2130706433', '0x7f.1'].map((name) => ['127.0.0.1', name]),
    ]) {
      expect([hosts, await refusalOf(chain(...hosts), loopback)]).toEqual([hosts, 'address_refused']);
    }
    for (const hosts of [
      ['127.0.0.1', '127.0.0.1'],
      ['localhost', '127.0.0.1'],
      ['127.0.0.1', '::ffff:127.0.0.1'],
    ]) {
      expect(await refusalOf(chain(...hosts), ['127.0.0.1', '::1'])).toBe('host_key_mismatch');
    }
    const all = SshConnection.open(chain('127.0.0.1', 'host.example'), 10_000, ANY_ADDRESS);
    await expect(all).rejects.toMatchObject({ reasonCode: 'host_key_mismatch' });
  });
});
