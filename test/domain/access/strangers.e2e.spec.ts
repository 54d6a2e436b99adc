import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { cutWhenIncomplete } from '../../../src/platform/http/client-errors.js';
import { expectRawProblem, sendRaw } from '../../platform/http/support.js';
import { serve, type Service } from '../../support/service.js';

const SOME_ID = '018f4b6e-7a3c-7d21-9b0e-5c1d2e3f4a5b';
const MAX = 20;

let service: Service;
let port: number;
beforeAll(async () => {
  service = await serve({ LEASEHOLD_MAX_CONNECTIONS: String(MAX) });
  port = Number(new URL(service.api.url).port);
  const body = { name: 'Admin', companies: null, permissions: ['admin'] };
  await service.api.expect(201, 'POST', '/api/tokens', body);
});
afterAll(() => service?.close());

test.each([
  [
    'JSON',
    'POST /api/companies/x/leases',
    'Content-Type: application/json\r\nContent-Length: 1000000',
    'unauthenticated',
  ],
  ['chunks', `PATCH /api/environments/${SOME_ID}`, 'Transfer-Encoding: chunked', 'unauthenticated'],
  [
    'an archive',
    `POST /api/environment-leases/${SOME_ID}/sync-in`,
    'Content-Type: application/x-tar\r\nContent-Length: 100000000',
    'unauthenticated',
  ],
  ['a body to no route', 'POST /api/nothing', 'Content-Length: 1000000', 'route_not_found'],
] as const)('M5: a stranger is refused before a body of %s has come', async (_what, line, headers, code) => {
  expectRawProblem(await sendRaw(port, [`${line} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n\r\n`]), code);
});

test('M5: more connections than may be open at a time are refused, until one closes', async () => {
  const opened = Array.from({ length: MAX }, () => connect(port, '127.0.0.1'));
  try {
    await Promise.all(opened.map((socket) => once(socket, 'connect')));
    const one = connect(port, '127.0.0.1');
    await once(
      one.resume().on('error', () => undefined),
      'close',
    );
    opened.pop()?.destroy();
    for (let status = 0; status !== 200;)
      status = (await service.api.send('GET', '/api/health').catch(() => null))?.status ?? 0;
    expect(service.logged.filter((line) => line.includes('LEASEHOLD_MAX_CONNECTIONS'))).toHaveLength(1);
  } finally {
    for (const socket of opened) socket.destroy();
  }
});

test('M5: who goes on sending after the answer is cut off, who has sent all of it in time is not', async () => {
  const answered: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    response.once('close', () => {
      cutWhenIncomplete(request, 500);
      answered.push(request);
    });
    response.end('refused');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const asked = (): Socket => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n123');
    return socket.on('error', () => undefined);
  };
  const [slow, quick] = [asked(), asked()];
  while (answered.length < 2) await pause(1);
  quick.write('45');
  await once(slow, 'close');
  expect(quick.destroyed).toBe(false);
  quick.destroy();
  server.close();
});
