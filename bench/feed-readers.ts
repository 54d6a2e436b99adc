import { connect, type Socket } from 'node:net';

/** Asked of the process, and answered in the same order. */
export type Ask =
  /** Read each company's feed after a position; answered when each connection has had an answer. */
  | { readonly follow: readonly string[]; readonly after: number }
  /** How many bytes have come since. */
  | 'bytes'
  | 'leave';

/*
 * A process of its own, so that what reading costs is not taken for the service's: `feed-readers <host> <port>` reads feeds
 * as bytes, as it is asked to.
 */
const [host = '', port = ''] = process.argv.slice(2);
let readers: Socket[] = [];
let bytes = 0;
const buffer = Buffer.alloc(65_536);

process.on('message', (ask: Ask) => void answer(ask).then((given) => process.send?.(given)));
process.on('disconnect', () => process.exit());

async function answer(ask: Ask): Promise<number> {
  if (ask === 'leave') for (const reader of readers) reader.destroy();
  else if (ask !== 'bytes') {
    bytes = 0;
    readers = await Promise.all(ask.follow.map((company) => reader(company, ask.after)));
  }
  return bytes;
}

function reader(company: string, after: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const callback = (read: number): boolean => {
      bytes += read;
      resolve(socket);
      return true;
    };
    // Into the same memory each time: what comes is only counted.
    const socket = connect({ host, port: Number(port), onread: { buffer, callback } });
    socket.once('error', reject);
    socket.write(
      `GET /api/companies/${company}/events/stream HTTP/1.1\r\nHost: ${host}:${port}\r\nLast-Event-ID: ${after}\r\n\r\n`,
    );
  });
}
