import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readConfig } from '../../../../src/platform/config/config.js';
import { SshAddresses } from '../../../../src/runtime/drivers/ssh/ssh-addresses.js';
import { SshConnection } from '../../../../src/runtime/drivers/ssh/ssh-connection.js';
import { freePort } from '../../../support/free-port.js';

const server = createServer((socket) => socket.on('error', () => undefined).end());
let reached = 0;
let open: number;
let closed: number;

beforeAll(async () => {
  server.on('connection', () => (reached += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open = (server.address() as { port: number }).port;
  closed = await freePort();
});
afterAll(() => void server.close());

const onlyPublic = new SshAddresses(null, () => Promise.resolve(false));

async function failure(
  host: string,
  port: number,
  addresses: SshAddresses,
): Promise<{ reasonCode: string; message: string }> {
  const endpoint = { host, port, username: 'u', privateKey: 'none', knownHosts: null, strictHostKeyChecking: true };
  return SshConnection.open(endpoint, 10_000, addresses).then(
    () => Promise.reject(new Error('There is no sshd.')),
    (error: unknown) => error as { reasonCode: string; message: string },
  );
}

describe('a host that is not a public address', () => {
  const spellings = [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    'localhost',
    '::1',
    '::ffff:127.0.0.1',
    '0.0.0.0',
  ];

  test.each([...spellings, '10.0.0.1', '169.254.169.254', 'fe80::1', 'fd00::1', '::', '100.64.0.1'])(
    '%s is not connected to, and what is there is not told',
    async (host) => {
      const [one, other] = [await failure(host, open, onlyPublic), await failure(host, closed, onlyPublic)];
      expect(one).toMatchObject({ failureClass: 'config', reasonCode: 'address_refused', inDoubt: false });
      expect(other).toMatchObject({ reasonCode: 'address_refused', message: one.message });
      expect(one.message.replaceAll(host, '')).not.toMatch(/127|::1|loopback|private/);
      expect(reached).toBe(0);
    },
  );

  test('is connected to where the operator allows it, or nobody but this machine can call', async () => {
    for (const range of ['127.0.0.0/8', '127.0.0.1']) {
      const allowed = new SshAddresses([range], () => Promise.resolve(true));
      for (const host of ['127.0.0.1', '2130706433', '::ffff:127.0.0.1']) {
        expect(await failure(host, open, allowed)).not.toMatchObject({ reasonCode: 'address_refused' });
      }
      // What is set counts for the machine itself too.
      expect(await failure('::1', open, allowed)).toMatchObject({ reasonCode: 'address_refused' });
      expect(await failure('10.0.0.1', open, allowed)).toMatchObject({ reasonCode: 'address_refused' });
    }
    const local = new SshAddresses(null, () => Promise.resolve(true));
    expect(await failure('127.0.0.1', open, local)).not.toMatchObject({ reasonCode: 'address_refused' });
    const none = new SshAddresses([], () => Promise.resolve(true));
    expect(await failure('127.0.0.1', open, none)).toMatchObject({ reasonCode: 'address_refused' });
    expect(reached).toBeGreaterThan(0);
  });
});

test('LEASEHOLD_SSH_ADDRESSES has addresses and ranges', () => {
  const name = 'LEASEHOLD_SSH_ADDRESSES';
  expect(readConfig({}).sshAddresses).toBeNull();
  for (const ranges of [[], ['10.0.0.0/8', '192.168.1.7', 'fd00::/8', '::1']]) {
    expect(readConfig({ [name]: JSON.stringify(ranges) }).sshAddresses).toEqual(ranges);
  }
  for (const wrong of ['10.0.0.0/8', '["10.0.0.0/33"]', '["host.example"]', '["10"]', '[""]', '[7]']) {
    expect(() => readConfig({ [name]: wrong })).toThrow(name);
  }
});
