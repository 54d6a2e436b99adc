import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A way to a server that can be shut: gone (connections are refused) or silent (they are taken, and nothing goes through). */
export class Gate {
  private readonly sockets = new Set<Socket>();
  private isSilent = false;

  private constructor(
    private server: Server,
    readonly port: number,
  ) {}

  /** @param to a port of loopback, or the path of a socket */
  static async to(to: number | string): Promise<Gate> {
    const server = createServer((socket) => gate.pass(socket, to));
    const port = await listening(server, 0);
    const gate = new Gate(server, port);
    return gate;
  }

  /** Those there are break off, and others are refused. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  async open(): Promise<void> {
    await listening(this.server, this.port);
  }

  hush(): void {
    this.isSilent = true;
    for (const socket of this.sockets) socket.pause();
  }

  private pass(socket: Socket, to: number | string): void {
    const other = typeof to === 'number' ? connect(to, '127.0.0.1') : connect(to);
    for (const [one, into] of [
      [socket, other],
      [other, socket],
    ] as const) {
      this.sockets.add(one);
      one
        .on('error', () => undefined)
        .on('close', () => {
          this.sockets.delete(one);
          into.destroy();
        });
      one.pipe(into);
      if (this.isSilent) one.pause();
    }
  }
}

async function listening(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve());
  });
  return (server.address() as AddressInfo).port;
}
