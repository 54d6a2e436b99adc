import { get } from 'node:http';

/*
 * A process of its own, so that what reading costs is not taken for the service's: `feed-readers <url> <company> …` reads
 * each company's feed, and says on its standard output how many bytes came, whenever a line is written to it.
 */
const [url = '', ...companies] = process.argv.slice(2);
let bytes = 0;
for (const company of companies) {
  get(`${url}/api/companies/${company}/events/stream`, (response) => {
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
  });
}
process.stdin.on('data', () => process.stdout.write(`${bytes}\n`));
process.stdin.on('end', () => process.exit());
