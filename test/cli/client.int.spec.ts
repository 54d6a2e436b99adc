import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { Client } from '../../src/cli/client.js';

let server: Server | undefined;
afterEach(() => server?.close().closeAllConnections());

async function clientOf(answer: (request: IncomingMessage, response: ServerResponse) => unknown): Promise<Client> {
  server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return new Client({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: 'lh_of_somebody' });
}

async function linesOf(client: Client): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of client.lines('/lines')) lines.push(line);
  return lines;
}

test('asks with its token, and is given what is answered', async () => {
  const client = await clientOf(async (request, response) => {
    const body = (await request.toArray()).join('');
    response.end(JSON.stringify([request.method, request.url, request.headers.authorization, body]));
  });
  expect(await client.get('/leases', { status: ['active', 'failed'], after: undefined })).toEqual([
    ...['GET', '/leases?status=active&status=failed', 'Bearer lh_of_somebody', ''],
  ]);
  expect(await client.send('POST', '/leases', { ttl: 1 })).toEqual([
    ...['POST', '/leases', 'Bearer lh_of_somebody', '{"ttl":1}'],
  ]);
});

test('is told why it is refused', async () => {
  const client = await clientOf((_request, response) =>
    response
      .writeHead(409)
      .end(JSON.stringify({ code: 'lease_not_active', title: 'Not active', remedy: 'Acquire one.' })),
  );
  await expect(client.get('/')).rejects.toMatchObject({
    exitCode: 3,
    message: 'lease_not_active: Not active\nAcquire one.',
  });
});

test('is told which fields are wrong, and that the usage is', async () => {
  const errors = [
    { field: 'at', message: 'must be a position' },
    { field: 'limit', message: 'must be a number' },
  ];
  const client = await clientOf((_request, response) =>
    response
      .writeHead(400)
      .end(JSON.stringify({ code: 'validation_failed', title: 'Wrong', errors, remedy: 'Fix it.' })),
  );
  await expect(client.get('/')).rejects.toMatchObject({
    exitCode: 2,
    message: 'validation_failed: Wrong\n  at: must be a position\n  limit: must be a number\nFix it.',
  });
});

test('is told of its own setting where a token is needed, and of no header', async () => {
  const client = await clientOf((_request, response) =>
    response
      .writeHead(401)
      .end(
        JSON.stringify({ code: 'unauthenticated', title: 'No token.', remedy: 'Send `Authorization: Bearer lh_…`.' }),
      ),
  );
  await expect(client.get('/')).rejects.toMatchObject({
    exitCode: 3,
    message: 'unauthenticated: No token.\nSet LEASEHOLD_TOKEN to a token that is neither revoked nor expired.',
  });
});

test.each([
  [301, ''],
  [502, '<h1>Bad Gateway</h1>'],
  [500, 'null'],
  [200, '<h1>Welcome</h1>'],
])('sees that something else answers: status %s', async (status, body) => {
  const client = await clientOf((_request, response) =>
    response.writeHead(status, { location: 'https://elsewhere.example.org' }).end(body),
  );
  await expect(client.get('/')).rejects.toMatchObject({
    exitCode: 1,
    message: expect.stringMatching(new RegExp(`is not Leasehold: status ${status} that names https://elsewhere`)),
  });
});

test('reads lines that come in pieces, also within a character', async () => {
  const bytes = Buffer.from('{"a":"é"}\n{"b":"\u2028"}\nlast');
  const client = await clientOf(async (_request, response) => {
    for (const byte of bytes) {
      response.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    response.end();
  });
  expect(await linesOf(client)).toEqual(['{"a":"é"}', '{"b":"\u2028"}', 'last']);
});

test('does not take it for the end when the service goes in the middle of an answer', async () => {
  const client = await clientOf((_request, response) => {
    response.write('one\ntw', () => response.destroy());
  });
  for (const ask of [linesOf, (one: Client) => one.get('/')]) {
    await expect(ask(client)).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(/closed the connection in the middle of its answer/),
    });
  }
});

test('says where nobody answers', async () => {
  const client = new Client({ url: 'http://127.0.0.1:1', token: null });
  await expect(client.get('/')).rejects.toMatchObject({
    exitCode: 1,
    message: expect.stringMatching(/^No service answers at http:\/\/127\.0\.0\.1:1/),
  });
});
