import { connect } from 'node:net';

/*
 * A process of its own, so that what reading costs is not taken for the service's: `feed-readers <host> <port> <position>
 * <company> …` reads each company's feed after that position as bytes, and says on its standard output how many connections
 * have had an answer and how many bytes came, whenever a line is written to it.
 */
const [host = '', port = '', position = '', ...companies] = process.argv.slice(2);
let [answered, bytes] = [0, 0];
for (const company of companies) {
  const socket = connect(Number(port), host);
  socket.write(
    `GET /api/companies/${company}/events/stream HTTP/1.1\r\nHost: ${host}:${port}\r\nLast-Event-ID: ${position}\r\n\r\n`,
  );
  socket.once('data', () => (answered += 1));
  socket.on('data', (chunk) => (bytes += chunk.length));
}
process.stdin.on('data', () => process.stdout.write(`${answered} ${bytes}\n`));
process.stdin.on('end', () => process.exit());
