import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import ssh2, { type Connection } from 'ssh2';

/** What a host does that sshd cannot be made to do. */
export type Fault =
  /** Takes the connection and never says a word. */
  | 'never_answers'
  /** Says that it is an SSH server, and nothing after it. */
  | 'silent_after_banner'
  /** Agrees on the keys and closes the connection when it is to let somebody in. */
  | 'drops_in_auth'
  /** Lets everybody in, takes a command and never says anything of it. */
  | 'silent_in_command'
  /** Lets everybody in, takes a command, prints half a line of its output, and drops the connection. */
  | 'drops_in_command';

/** A host on loopback with one fault. */
export interface FaultHost {
  readonly host: string;
  readonly port: number;
  /** A known_hosts line of its key; none where it never comes to show one. */
  readonly knownHosts: string | null;
  /** Resolves when it has had a connection and has none any more. */
  abandoned(): Promise<void>;
  stop(): Promise<void>;
}

export async function startFaultHost(fault: Fault): Promise<FaultHost> {
  const sockets = new Set<Socket>();
  let everyoneGone = (): void => undefined;
  const abandoned = new Promise<void>((resolve) => (everyoneGone = resolve));
  // Of Ed25519 keys, ssh2 makes one in 256 that it cannot read itself: it drops a first byte that is zero.
  const keys = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
  const server = createServer((socket) => {
    sockets.add(socket);
    // A client that gives up may reset the connection: that is what is tested, not a failure of the host.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0) everyoneGone();
    });
    misbehave(fault, socket, keys.private);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const speaks = fault !== 'never_answers' && fault !== 'silent_after_banner';
  return {
    host: '127.0.0.1',
    port,
    knownHosts: speaks ? `[127.0.0.1]:${port} ${keys.public.split(' ').slice(0, 2).join(' ')}` : null,
    abandoned: () => abandoned,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function misbehave(fault: Fault, socket: Socket, hostKey: string): void {
  switch (fault) {
    case 'never_answers':
      // Read, so that it sees the client go.
      socket.resume();
      return;
    case 'silent_after_banner':
      socket.resume().write('SSH-2.0-OpenSSH_9.2p1\r\n');
      return;
    case 'drops_in_auth':
    case 'silent_in_command':
    case 'drops_in_command':
      talk(fault, socket, hostKey);
  }
}

function talk(
  fault: 'drops_in_auth' | 'silent_in_command' | 'drops_in_command',
  socket: Socket,
  hostKey: string,
): void {
  const accept = (client: Connection): void => {
    client.on('error', () => undefined);
    client.on('authentication', (context) => (fault === 'drops_in_auth' ? socket.destroy() : context.accept()));
    client.on('session', (acceptSession) => {
      acceptSession().on('exec', (acceptCommand) => {
        const channel = acceptCommand();
        if (fault === 'drops_in_command') channel.write('half a li', () => socket.destroy());
      });
    });
  };
  // ssh2's server takes a connection from elsewhere too; it listens nowhere itself.
  const server = new ssh2.Server({ hostKeys: [hostKey] }, accept);
  server.injectSocket(socket);
}
