import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { Client } from 'ssh2';
import { type Fault, type FaultHost, startFaultHost } from './fault-host.js';

let host: FaultHost | undefined;
let client: Client | undefined;

afterEach(async () => {
  client?.destroy();
  await host?.stop();
  [host, client] = [undefined, undefined];
});

async function clientOf(fault: Fault): Promise<Client> {
  host = await startFaultHost(fault);
  client = new Client();
  client.connect({ host: host.host, port: host.port, username: 'somebody', password: 'anything' });
  return client;
}

test('a host that falls silent after its banner has said which protocol it speaks', async () => {
  host = await startFaultHost('silent_after_banner');
  const socket = connect(host.port, host.host);
  const [said] = (await once(socket, 'data')) as [Buffer];
  expect(said.toString()).toMatch(/^SSH-2\.0-\S+\r\n$/);
  socket.destroy();
});

test('a host that never answers takes the connection, and has none when the client has given up', async () => {
  host = await startFaultHost('never_answers');
  const socket = connect(host.port, host.host);
  await once(socket, 'connect');
  socket.destroy();
  await host.abandoned();
});

test('a host that drops in the authentication has shown its key before', async () => {
  const handshake = once(await clientOf('drops_in_auth'), 'handshake');
  const closed = once(client as Client, 'close');
  client?.on('error', () => undefined);
  await handshake;
  await closed;
  expect(host?.knownHosts).toMatch(/^\[127\.0\.0\.1\]:\d+ ecdsa-sha2-nistp256 \S+$/);
});

test('a host that drops in a command has let the client in and answered half a line, with no exit status', async () => {
  await once(await clientOf('drops_in_command'), 'ready');
  client?.on('error', () => undefined);
  const exits: unknown[] = [];
  const said = await new Promise<string>((resolve, reject) => {
    let text = '';
    client?.exec('echo half a line', (error, channel) => {
      if (error) {
        reject(error);
        return;
      }
      channel.on('exit', (code: unknown) => exits.push(code)).on('data', (chunk: Buffer) => (text += chunk.toString()));
      channel.on('close', () => resolve(text));
    });
  });
  expect(said).toBe('half a li');
  expect(exits).toEqual([]);
});

test('a host that is silent in a command keeps its channel open until it is stopped', async () => {
  await once(await clientOf('silent_in_command'), 'ready');
  client?.on('error', () => undefined);
  const closed = new Promise<void>((resolve, reject) => {
    client?.exec('true', (error, channel) => {
      if (error) {
        reject(error);
        return;
      }
      channel.resume().on('close', resolve);
      void host?.stop();
    });
  });
  await closed;
  host = undefined;
});
