import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import ssh2, { type ClientChannel, type ServerChannel } from 'ssh2';
import { guardWindow } from '../../../../src/runtime/drivers/ssh/window-guard.js';

const MIB = 1024 ** 2;
const { Client, Server, utils } = ssh2;

test('a host that sends more than it was granted loses the connection, and its bytes are not kept', async () => {
  const key = utils.generateKeyPairSync('ed25519');
  let sent = 0;
  const server = new Server({ hostKeys: [key.private] }, (client) => {
    client.on('error', () => undefined);
    client.on('authentication', (context) => context.accept());
    client.on('session', (accept) => {
      accept().on('exec', (acceptExec) => {
        const channel = acceptExec() as ServerChannel & { outgoing: { window: number } };
        channel.on('error', () => undefined);
        // ssh2 stops only a host that uses its window up to the byte. And no more at a time than the client takes, in the same process.
        const chunk = Buffer.alloc(30_001);
        const send = (): void => {
          if (channel.destroyed || sent > 400 * MIB) {
            if (!channel.destroyed) client.end();
            return;
          }
          // Whatever the client grants.
          channel.outgoing.window = Number.MAX_SAFE_INTEGER;
          channel.write(chunk);
          sent += chunk.length;
          setImmediate(send);
        };
        send();
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new Client();
  client.on('error', () => undefined).connect({ host: '127.0.0.1', port, username: 'u', password: 'p' });
  await once(client, 'ready');
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    client.exec('anything', (error, opened) => {
      if (error) reject(error);
      else resolve(opened);
      // Nobody reads it.
      guardWindow(opened, () => client.destroy());
    });
  });
  await once(client, 'close');
  expect(channel.readableLength).toBeLessThan(20 * MIB);
  expect(sent).toBeLessThan(200 * MIB);
  server.close();
});
