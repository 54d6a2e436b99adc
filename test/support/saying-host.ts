import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import ssh2, { type Connection, type ServerChannel } from 'ssh2';

/** What a host says to a command; `mark` is the one that the command has told it to say. */
export type Saying = (channel: ServerChannel, mark: string) => void;

/** A host on loopback that lets everybody in and runs nothing: to each command it says what it is told to. */
export interface SayingHost {
  readonly port: number;
  readonly knownHosts: string;
  say: Saying;
  stop(): Promise<void>;
}

export async function startSayingHost(): Promise<SayingHost> {
  const sockets = new Set<Socket>();
  // Of Ed25519 keys, ssh2 makes one in 256 that it cannot read itself: it drops a first byte that is zero.
  const keys = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
  const accept = (client: Connection): void => {
    client.on('error', () => undefined);
    client.on('authentication', (context) => context.accept());
    client.on('session', (acceptSession) => {
      acceptSession().on('exec', (acceptCommand, _reject, { command }) => {
        const channel = acceptCommand();
        channel.on('error', () => undefined).resume();
        host.say(channel, /leasehold-[0-9a-f]{24}:/.exec(command)?.[0] ?? '');
      });
    });
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    // ssh2's server takes a connection from elsewhere too; it listens nowhere itself.
    new ssh2.Server({ hostKeys: [keys.private] }, accept).injectSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const host: SayingHost = {
    port,
    knownHosts: `[127.0.0.1]:${port} ${keys.public.split(' ').slice(0, 2).join(' ')}`,
    say: (channel) => channel.end(),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return host;
}
